package pages

import (
	"html/template"
	"slices"
	"strings"
	"text/template/parse"
)

// fold replaces the actions of a template that have the same result on every page, such as {{say "title"}}, by that
// result: rendering a page takes most of its time for calls of functions. A result is escaped for the content of an
// element or a quoted attribute.
func fold(list *parse.ListNode, funcs template.FuncMap) {
	if list == nil { // there is no {{else}}
		return
	}
	for n, node := range list.Nodes {
		var branch *parse.BranchNode
		switch node := node.(type) {
		case *parse.ActionNode:
			if isConstant(node.Pipe) {
				list.Nodes[n] = &parse.TextNode{NodeType: parse.NodeText, Pos: node.Pos, Text: result(node, funcs)}
			}
			continue
		case *parse.IfNode:
			branch = &node.BranchNode
		case *parse.RangeNode:
			branch = &node.BranchNode
		case *parse.WithNode:
			branch = &node.BranchNode
		default:
			continue
		}
		fold(branch.List, funcs)
		fold(branch.ElseList, funcs)
	}
}

// isConstant reports whether a pipeline is one call of a function, with texts or other such calls as its arguments.
func isConstant(pipe *parse.PipeNode) bool {
	if len(pipe.Decl) > 0 || len(pipe.Cmds) != 1 {
		return false
	}
	call := pipe.Cmds[0].Args
	return call[0].Type() == parse.NodeIdentifier && !slices.ContainsFunc(call[1:], func(argument parse.Node) bool {
		nested, ok := argument.(*parse.PipeNode)
		return argument.Type() != parse.NodeString && !(ok && isConstant(nested))
	})
}

// result returns what an action of constants is replaced by.
func result(action *parse.ActionNode, funcs template.FuncMap) []byte {
	var text strings.Builder
	alone := template.Must(template.New("").Funcs(funcs).Parse(action.String()))
	if err := alone.Execute(&text, nil); err != nil {
		panic(err) // tests read all templates
	}
	return []byte(text.String())
}
