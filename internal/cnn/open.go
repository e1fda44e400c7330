//go:build onnxruntime

package cnn

import (
	"errors"
	"fmt"
	"os"

	ort "github.com/yalue/onnxruntime_go"
)

// Network is a network that is loaded. One may be there at a time, and it is for one goroutine.
type Network struct {
	session *ort.DynamicAdvancedSession
	in      Shape
	last    bool // channels are the last axis: [1, H, W, C], else [1, C, H, W]
	buf     []float32
}

// Open loads the network in an ONNX file: one input of float32 frames [N, C, H, W] or [N, H, W, C], C being 1 or 3, and an output of features [N, F],
// or of maps [N, F, ...], whose mean is taken.
func Open(path string, o Options) (n *Network, err error) {
	lib, err := o.sharedLibrary()
	if err != nil {
		return nil, err
	}
	ort.SetSharedLibraryPath(lib)
	if err := ort.InitializeEnvironment(); err != nil {
		return nil, fmt.Errorf("%s: %w", lib, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ort.DestroyEnvironment())
		}
	}()
	ins, outs, err := ort.GetInputOutputInfo(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if len(ins) != 1 || len(outs) == 0 {
		return nil, fmt.Errorf("%s: %d inputs and %d outputs: want one input of frames and an output of features", path, len(ins), len(outs))
	}
	n = &Network{}
	if err := n.shape(ins[0], o.Input); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	out := outs[0].Name
	if o.Output != "" {
		out = o.Output
	}
	if n.session, err = ort.NewDynamicAdvancedSession(path, []string{ins[0].Name}, []string{out}, nil); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	n.buf = make([]float32, n.in.Height*n.in.Width*n.in.Channels)
	return n, nil
}

// shape takes the axes of the input, where they are open those asked for.
func (n *Network) shape(in ort.InputOutputInfo, want Shape) error {
	d := in.Dimensions
	if len(d) != 4 || in.DataType != ort.TensorElementDataTypeFloat {
		return fmt.Errorf("input %s: want float32 of [N, C, H, W] or [N, H, W, C]", in.String())
	}
	if d[0] > 1 {
		return fmt.Errorf("input %s: a batch of %d: want 1 or an open axis", in.Name, d[0])
	}
	color := func(c int64) bool { return c == 1 || c == 3 }
	c, h, w := d[1], d[2], d[3]
	if !color(d[1]) && color(d[3]) {
		n.last = true
		h, w, c = d[1], d[2], d[3]
	}
	if !color(c) {
		return fmt.Errorf("input %s: %d channels: want 1 or 3", in.String(), c)
	}
	pick := func(has int64, want int) int {
		if has > 0 {
			return int(has)
		}
		return want
	}
	n.in = Shape{pick(h, want.Height), pick(w, want.Width), int(c)}
	if n.in.Height < 1 || n.in.Width < 1 {
		return fmt.Errorf("input %s leaves the frame's size open: say it with --frame, such as 224x224", in.Name)
	}
	return nil
}

// Input is the size of frames.
func (n *Network) Input() Shape { return n.in }

// Features computes the features of one frame [H, W, C]. The result is the caller's.
func (n *Network) Features(frame []float32) (out []float32, err error) {
	s := n.in
	dims := ort.NewShape(1, int64(s.Height), int64(s.Width), int64(s.Channels))
	if n.last {
		copy(n.buf, frame)
	} else {
		dims = ort.NewShape(1, int64(s.Channels), int64(s.Height), int64(s.Width))
		for p := range s.Height * s.Width {
			for c := range s.Channels {
				n.buf[c*s.Height*s.Width+p] = frame[p*s.Channels+c]
			}
		}
	}
	in, err := ort.NewTensor(dims, n.buf)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, in.Destroy()) }()
	made := []ort.Value{nil}
	if err := n.session.Run([]ort.Value{in}, made); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, made[0].Destroy()) }()
	t, ok := made[0].(*ort.Tensor[float32])
	shape := made[0].GetShape()
	if !ok || len(shape) < 2 || shape[0] != 1 {
		return nil, fmt.Errorf("the output is %v: want float32 of [1, F] or [1, F, ...]", shape)
	}
	return means(t.GetData(), int(shape[1])), nil
}

// means is the mean of each of f maps.
func means(v []float32, f int) []float32 {
	out := make([]float32, f)
	area := len(v) / max(f, 1)
	for k := range out {
		sum := 0.0
		for _, x := range v[k*area : (k+1)*area] {
			sum += float64(x)
		}
		out[k] = float32(sum / float64(area))
	}
	return out
}

// Close gives up the network and the library.
func (n *Network) Close() error { return errors.Join(n.session.Destroy(), ort.DestroyEnvironment()) }

// sharedLibrary is the file that the options name.
func (o Options) sharedLibrary() (string, error) {
	if o.Library != "" {
		if _, err := os.Stat(o.Library); err != nil {
			return "", fmt.Errorf("--library %s: no such file", o.Library)
		}
		return o.Library, nil
	}
	return Library(os.Getenv("FDHT_NODE"))
}
