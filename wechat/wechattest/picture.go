package wechattest

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
)

// A response is the body of an answer, and its Content-Type.
type response struct {
	contentType string
	body        []byte
}

// drawCode draws the picture of a mini-program code: a frame with its id, so that people can tell which code they see.
// Like WeChat's it is a JPEG, or a PNG if the background is transparent.
func drawCode(id string, width int, line color.RGBA, transparent bool) response {
	picture := image.NewRGBA(image.Rect(0, 0, width, width))
	if !transparent {
		draw.Draw(picture, picture.Bounds(), image.White, image.Point{}, draw.Src)
	}
	pen := pen{picture, image.NewUniform(line), width / 40}
	pen.frame(picture.Bounds().Inset(pen.thickness))
	digit := width / 11
	for i, char := range id {
		pen.digit(char, image.Pt(digit+i*digit*3/2, width/2-digit), digit)
	}
	var encoded bytes.Buffer
	if transparent {
		_ = png.Encode(&encoded, picture) // a bytes.Buffer returns no errors
		return response{"image/png", encoded.Bytes()}
	}
	_ = jpeg.Encode(&encoded, picture, nil)
	return response{"image/jpeg", encoded.Bytes()}
}

// A pen draws straight lines.
type pen struct {
	on        draw.Image
	color     image.Image
	thickness int // in pixels
}

func (p pen) line(x0, y0, x1, y1 int) {
	draw.Draw(p.on, image.Rect(x0, y0, x1+p.thickness, y1+p.thickness), p.color, image.Point{}, draw.Src)
}

func (p pen) frame(in image.Rectangle) {
	right, bottom := in.Max.X-p.thickness, in.Max.Y-p.thickness
	p.line(in.Min.X, in.Min.Y, right, in.Min.Y)
	p.line(in.Min.X, bottom, right, bottom)
	p.line(in.Min.X, in.Min.Y, in.Min.X, bottom)
	p.line(right, in.Min.Y, right, bottom)
}

// segments are the lines of each digit, as on a display with seven segments: the three that lie, from the top, and the
// four that stand, left before right.
var segments = [10]string{"1011111", "0000101", "1110110", "1110101", "0101101", "1111001", "1111011", "1000101",
	"1111111", "1111101"}

// digit draws a digit as wide as half of its height, with its corner at a point.
func (p pen) digit(char rune, at image.Point, width int) {
	left, right, top, middle, bottom := at.X, at.X+width, at.Y, at.Y+width, at.Y+2*width
	lines := [7][4]int{
		{left, top, right, top}, {left, middle, right, middle}, {left, bottom, right, bottom},
		{left, top, left, middle}, {right, top, right, middle},
		{left, middle, left, bottom}, {right, middle, right, bottom},
	}
	for i, drawn := range segments[char-'0'] {
		if drawn == '1' {
			p.line(lines[i][0], lines[i][1], lines[i][2], lines[i][3])
		}
	}
}
