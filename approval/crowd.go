package approval

import (
	"sync"
	"time"
)

// crowd estimates how many requests this process has opened within the last Lifetime: it counts those of the present
// period exactly, and takes those of the one before to have been opened evenly.
type crowd struct {
	mutex           sync.Mutex
	began           time.Time // the present period
	before, present int
}

// count counts one more request, and returns the estimate.
func (c *crowd) count(now time.Time) int {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	switch age := now.Sub(c.began); {
	case age >= 2*Lifetime:
		c.began, c.before, c.present = now, 0, 0
	case age >= Lifetime:
		c.began, c.before, c.present = c.began.Add(Lifetime), c.present, 0
	}
	c.present++
	return c.present + int(float64(c.before)*(1-now.Sub(c.began).Seconds()/Lifetime.Seconds()))
}
