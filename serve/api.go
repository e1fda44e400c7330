package serve

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/fdht/fdht/client"
	"github.com/fdht/fdht/serve/page"
)

const streamPath = "/v1/stream"

// answer is a response with a body.
type answer[T any] struct{ Body T }

type modelQuery struct {
	Model string `query:"model" doc:"Its name; left out: the default one." maxLength:"200"`
}

type status struct {
	Status string `json:"status"`
}

// routes builds the handler of everything.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	config := huma.DefaultConfig("fdht serve", "1")
	config.Info.Description = "Video recognition with extremely compact recurrent networks."
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", "" // ours is made once, and asks no other host
	config.CreateHooks = nil
	config.Formats = map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"bearer": {Type: "http", Scheme: "bearer"}}
	api := humago.New(mux, config)

	huma.Register(api, s.operation(http.MethodGet, "/v1/models", "models", "The models that are served, and the limits of the server", true),
		func(context.Context, *struct{}) (*answer[client.Models], error) {
			return &answer[client.Models]{s.list()}, nil
		})
	huma.Register(api, s.operation(http.MethodGet, "/v1/model", "model", "A model in full: its structure, weights and labels", true),
		func(_ context.Context, in *modelQuery) (*answer[client.Card], error) {
			m, err := s.model(in.Model)
			if err != nil {
				return nil, err
			}
			return &answer[client.Card]{m.card}, nil
		})
	huma.Register(api, s.operation(http.MethodPost, "/v1/predict", "predict", "What is in a clip", true), s.predict)
	huma.Register(api, s.operation(http.MethodGet, "/healthz", "health", "The process lives", false),
		func(context.Context, *struct{}) (*answer[status], error) { return &answer[status]{status{"ok"}}, nil })
	huma.Register(api, s.operation(http.MethodGet, "/readyz", "ready", "It takes requests; 503 once it is about to stop", false),
		func(context.Context, *struct{}) (*readiness, error) {
			if s.draining.Load() {
				return &readiness{http.StatusServiceUnavailable, status{"draining"}}, nil
			}
			return &readiness{http.StatusOK, status{"ready"}}, nil
		})
	s.describeRest(api.OpenAPI())
	mux.HandleFunc("GET "+streamPath, s.stream)
	mux.Handle("GET /metrics", s.metrics.handler())
	spec, err := json.Marshal(api.OpenAPI())
	if err != nil {
		panic(err) // made of our own types
	}
	mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(spec)
	})
	docs(mux, api.OpenAPI())
	for _, path := range []string{"/v1/models", "/v1/model", "/v1/predict", streamPath} {
		allow := "GET, HEAD"
		if path == "/v1/predict" {
			allow = "POST"
		}
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", allow)
			refuse(w, problem(http.StatusMethodNotAllowed, "%s takes %s", path, allow))
		})
	}
	mux.HandleFunc("/v1/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, problem(http.StatusNotFound, "no such path: /openapi.json lists those that there are"))
	})
	mux.Handle("/", page.Handler())
	return s.guard(mux)
}

type readiness struct {
	Status int
	Body   status
}

// operation is what all operations have in common.
func (s *Server) operation(method, path, id, summary string, token bool) huma.Operation {
	op := huma.Operation{Method: method, Path: path, OperationID: id, Summary: summary, Errors: []int{http.StatusNotFound, http.StatusUnprocessableEntity}}
	if token {
		op.Errors = append(op.Errors, http.StatusUnauthorized)
		op.Security = []map[string][]string{{"bearer": {}}}
	} else {
		op.Errors = nil
	}
	if method == http.MethodPost {
		op.Errors = append(op.Errors, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusServiceUnavailable)
	}
	return op
}

// describeRest adds what the API's text does not know by itself: bodies that are no JSON, and paths that are no such operations.
func (s *Server) describeRest(o *huma.OpenAPI) {
	file := &huma.Schema{Type: huma.TypeString, Format: "binary"}
	o.Paths["/v1/predict"].Post.RequestBody = &huma.RequestBody{Required: true, Description: "The clip: a video, or rows of features as an array [T, F].", Content: map[string]*huma.MediaType{
		"video/*": {Schema: file}, "image/gif": {Schema: file}, "application/octet-stream": {Schema: file}, "application/x-npy": {Schema: file},
		"multipart/form-data": {Schema: &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{"clip": file}, Required: []string{"clip"}}},
	}}
	lag := o.Components.Schemas.Map()["Frame"].Properties["lag"] // which is made of a type that writes itself
	number := &huma.Schema{Type: huma.TypeInteger}
	lag.Type, lag.Items, lag.MinItems, lag.MaxItems = "", nil, nil, nil
	lag.OneOf = []*huma.Schema{number, {Type: huma.TypeArray, Items: number}}
	bearer := []map[string][]string{{"bearer": {}}}
	name := &huma.Param{Name: "model", In: "query", Description: "Its name; left out: the default one.", Schema: &huma.Schema{Type: huma.TypeString}}
	o.Paths[streamPath] = &huma.PathItem{Get: &huma.Operation{
		OperationID: "stream", Summary: "Video frame by frame, over a WebSocket", Description: streamText, Parameters: []*huma.Param{name}, Security: bearer,
		Responses: map[string]*huma.Response{"101": {Description: "The WebSocket begins."}, "401": {Description: "The token is wrong."},
			"404": {Description: "There is no such model."}, "422": {Description: "The model cannot take frames one at a time."}, "503": {Description: "Too many streams now, or the server stops."}},
	}}
	o.Paths["/metrics"] = &huma.PathItem{Get: &huma.Operation{
		OperationID: "metrics", Summary: "Numbers for Prometheus", Security: bearer,
		Responses: map[string]*huma.Response{"200": {Description: "Prometheus text.", Content: map[string]*huma.MediaType{"text/plain": {}}}},
	}}
}

const streamText = `The client's first message is text: {"format":"grey","width":160,"height":120}. format is grey or rgb (width x height x 1 or 3 bytes a frame, row-major),
jpeg (a picture a frame) or float32 (a row of features, little-endian). The server answers {"ready":true,"model":..,"labels":[..],"queue":2}. Then each binary
message is a frame, and for each that went through the network there is a line of JSON:
{"frame":17,"steps":16,"label":"wave","top":[{"label":"wave","probability":0.91}],"latency_ms":1.204,"dropped":2}. When more than queue frames wait, the
oldest is dropped and counted in dropped. The text {"reset":true} starts a new sequence with the next frame. Without the Authorization header the token goes into
the subprotocol fdht.token.TOKEN, as base64url without padding, beside fdht.v1, or into the first message as "token". The server closes with a code and a reason.`

// list is the answer to GET /v1/models.
func (s *Server) list() client.Models {
	out := client.Models{Limits: client.Limits{
		BodyBytes: s.o.BodyBytes, FramePixels: s.o.FramePixels, Frames: s.o.Frames, MessageBytes: s.o.MessageBytes, Streams: s.o.Streams, Queue: s.o.Queue,
	}}
	for _, m := range s.models {
		c := m.card
		out.Models = append(out.Models, client.ModelName{Name: c.Name, Default: c.Default, Cell: c.Cell, Kind: c.Kind, Classes: len(c.Labels), Video: c.Video, Stream: c.Stream})
	}
	return out
}
