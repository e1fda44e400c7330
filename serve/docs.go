package serve

import (
	"bytes"
	_ "embed"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed docs/docs.html
var docsPage string

//go:embed docs/docs.css
var docsStyle []byte

// docs serves the API's text for people: made of the OpenAPI description, without scripts, from this server alone.
func docs(mux *http.ServeMux, o *huma.OpenAPI) {
	var b bytes.Buffer
	if err := template.Must(template.New("docs").Parse(docsPage)).Execute(&b, docsOf(o)); err != nil {
		panic(err) // made of our own types
	}
	mux.HandleFunc("GET /docs", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(b.Bytes())
	})
	mux.HandleFunc("GET /docs/docs.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write(docsStyle)
	})
}

type docsData struct {
	Title, Description string
	Operations         []docsOperation
	Schemas            []docsSchema
}

type docsOperation struct {
	ID, Method, Path, Summary, Description string
	Token                                  bool
	Params                                 []docsField
	Bodies                                 []string
	Answers                                []docsAnswer
}

type docsAnswer struct{ Status, Text, Schema string }

type docsSchema struct {
	Name   string
	Fields []docsField
}

type docsField struct{ Name, Type, Of, Text string }

// docsOf takes out of o what the page shows.
func docsOf(o *huma.OpenAPI) docsData {
	d := docsData{Title: o.Info.Title, Description: o.Info.Description}
	for _, path := range slices.Sorted(maps.Keys(o.Paths)) {
		item := o.Paths[path]
		for method, op := range map[string]*huma.Operation{http.MethodGet: item.Get, http.MethodPost: item.Post} {
			if op != nil {
				d.Operations = append(d.Operations, docsOf1(method, path, op))
			}
		}
	}
	schemas := o.Components.Schemas.Map()
	for _, name := range slices.Sorted(maps.Keys(schemas)) {
		s := docsSchema{Name: name}
		for _, key := range slices.Sorted(maps.Keys(schemas[name].Properties)) {
			p := schemas[name].Properties[key]
			f := docsField{Name: key, Text: p.Description}
			f.Type, f.Of = docsType(p)
			s.Fields = append(s.Fields, f)
		}
		d.Schemas = append(d.Schemas, s)
	}
	return d
}

func docsOf1(method, path string, op *huma.Operation) docsOperation {
	out := docsOperation{ID: op.OperationID, Method: method, Path: path, Summary: op.Summary, Description: op.Description, Token: len(op.Security) > 0}
	for _, p := range op.Parameters {
		f := docsField{Name: p.Name, Text: p.Description}
		f.Type, _ = docsType(p.Schema)
		out.Params = append(out.Params, f)
	}
	if op.RequestBody != nil {
		out.Bodies = slices.Sorted(maps.Keys(op.RequestBody.Content))
	}
	for _, code := range slices.Sorted(maps.Keys(op.Responses)) {
		r := op.Responses[code]
		a := docsAnswer{Status: code, Text: r.Description}
		for _, c := range r.Content {
			if c.Schema != nil {
				_, a.Schema = docsType(c.Schema)
			}
		}
		out.Answers = append(out.Answers, a)
	}
	return out
}

// docsType is a schema's type in words, and the name of the schema that it is or has items of.
func docsType(s *huma.Schema) (text, of string) {
	const prefix = "#/components/schemas/"
	switch {
	case s == nil:
		return "", ""
	case s.Ref != "":
		return "object", strings.TrimPrefix(s.Ref, prefix)
	case len(s.OneOf) > 0:
		for i, one := range s.OneOf {
			if i > 0 {
				text += " or "
			}
			t, _ := docsType(one)
			text += t
		}
		return text, ""
	case s.Type == huma.TypeArray && s.Items != nil:
		text, of = docsType(s.Items)
		return "list of " + text, of
	}
	return s.Type, ""
}
