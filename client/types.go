package client

import "github.com/fdht/fdht/lags"

// Models is what GET /v1/models answers.
type Models struct {
	Models []ModelName `json:"models"`
	Limits Limits      `json:"limits"`
}

// ModelName is a model in short.
type ModelName struct {
	Name    string `json:"name"`
	Default bool   `json:"default" doc:"The one that is used where none is named."`
	Cell    string `json:"cell" doc:"lstm, gru or rnn."`
	Kind    string `json:"kind" doc:"The structure of its matrices: dense, ht, tt, tr or bt."`
	Classes int    `json:"classes"`
	Video   bool   `json:"video" doc:"It takes frames, else rows of features."`
	Stream  bool   `json:"stream" doc:"It can take them one at a time; a bidirectional network cannot."`
}

// Limits are what a server takes at most.
type Limits struct {
	BodyBytes    int64 `json:"body_bytes" doc:"Bytes of an upload."`
	FramePixels  int   `json:"frame_pixels" doc:"Height x width of a frame."`
	Frames       int   `json:"frames" doc:"Frames of a clip."`
	MessageBytes int64 `json:"message_bytes" doc:"Bytes of a message of a stream."`
	Streams      int   `json:"streams" doc:"Streams at the same time."`
	Queue        int   `json:"queue" doc:"Frames of a stream that wait."`
}

// Card is what GET /v1/model answers: a model in full.
type Card struct {
	Name          string   `json:"name"`
	Default       bool     `json:"default"`
	Cell          string   `json:"cell"`
	Kind          string   `json:"kind"`
	Scope         string   `json:"scope" doc:"full: one matrix of both halves; partial: the hidden half is dense; split: a matrix for each half."`
	Bidirectional bool     `json:"bidirectional"`
	Input         int      `json:"input" doc:"Numbers in a row of the input."`
	Hidden        int      `json:"hidden"`
	Layers        int      `json:"layers"`
	Pooling       string   `json:"pooling" doc:"last or mean."`
	Steps         int      `json:"steps" doc:"Frames taken of a clip; 0: all."`
	Labels        []string `json:"labels"`
	Video         bool     `json:"video"`
	Stream        bool     `json:"stream"`
	Frame         *Frame   `json:"frame,omitempty"`

	Weights      int64    `json:"weights" doc:"Recurrent weights."`
	Biases       int64    `json:"biases"`
	Head         int64    `json:"head" doc:"Of the classifier."`
	Total        int64    `json:"total"`
	Bytes        int64    `json:"bytes" doc:"Of the model file."`
	DenseWeights int64    `json:"dense_weights" doc:"Recurrent weights of the dense network of the same shape."`
	Ratio        float64  `json:"ratio" doc:"dense_weights / weights."`
	MAC          int64    `json:"mac_per_frame" doc:"Multiply-adds of the recurrent matrices a step."`
	Matrices     []Matrix `json:"matrices"`
}

// Frame is what a model takes of a video frame.
type Frame struct {
	Height   int       `json:"height"`
	Width    int       `json:"width"`
	Channels int       `json:"channels"`
	Input    string    `json:"input" doc:"rgb, grey, diff or grey+diff."`
	Lag      lags.List `json:"lag,omitzero" doc:"Differences: frames between the two; a list where there are several channels of them."`
	Gain     float64   `json:"gain,omitempty" doc:"Differences: what they are multiplied with."`
}

// Matrix is one of a network's structured matrices.
type Matrix struct {
	Name         string   `json:"name"`
	Kind         string   `json:"kind"`
	Part         string   `json:"part" doc:"all, input or hidden: the columns of W that it is."`
	Rows         int      `json:"rows"`
	Columns      int      `json:"columns"`
	In           []int    `json:"in"`
	Out          []int    `json:"out"`
	Weights      int64    `json:"weights"`
	DenseWeights int64    `json:"dense_weights"`
	Factors      []Factor `json:"factors"`
	Tree         *Node    `json:"tree,omitempty" doc:"Of kind ht: its dimension tree, the root first."`
}

// Factor is one of the tensors that a matrix is made of.
type Factor struct {
	Name    string `json:"name"`
	Shape   []int  `json:"shape"`
	Weights int64  `json:"weights"`
}

// Node is a node of a dimension tree. A leaf has In and Out and no Children.
type Node struct {
	Name     string  `json:"name"`
	Modes    []int   `json:"modes"`
	In       int     `json:"in,omitempty"`
	Out      int     `json:"out,omitempty"`
	Rank     int     `json:"rank"`
	Factor   string  `json:"factor"`
	Shape    []int   `json:"shape"`
	Weights  int64   `json:"weights"`
	Children []*Node `json:"children,omitempty"`
}

// Prediction is what a model makes of a clip.
type Prediction struct {
	Input  string      `json:"input" doc:"The clip's name."`
	Label  string      `json:"label"`
	Probs  []float32   `json:"probs" doc:"Of every class, in the order of the model's labels."`
	Logits []float32   `json:"logits"`
	Frames int         `json:"frames" doc:"Steps that went into the network."`
	Each   [][]float32 `json:"each,omitempty" doc:"With each=true: the probabilities after every step."`
}

// Hello is the first message of a stream: what the client is going to send.
type Hello struct {
	Format string `json:"format"`          // grey, rgb, jpeg or float32
	Width  int    `json:"width,omitempty"` // grey and rgb
	Height int    `json:"height,omitempty"`
	Token  string `json:"token,omitempty"` // for those that can set no header
}

// Ready is the server's answer to Hello.
type Ready struct {
	Ready  bool     `json:"ready"`
	Model  string   `json:"model"`
	Labels []string `json:"labels"`
	Queue  int      `json:"queue"`
}

// Answer is what a model makes of a stream after one of its frames.
type Answer struct {
	Frame   int     `json:"frame"` // of those that were sent, from 0
	Steps   int     `json:"steps"` // of the sequence so far
	Label   string  `json:"label"`
	Top     []Class `json:"top"`
	Latency float64 `json:"latency_ms"`
	Dropped int     `json:"dropped"` // frames of this stream so far
}

// Class is a class and how probable it is.
type Class struct {
	Label       string  `json:"label"`
	Probability float32 `json:"probability"`
}

// Problem is an error of the server (RFC 9457).
type Problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}
