package serve

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/fdht/fdht"
	"github.com/fdht/fdht/client"
	"github.com/fdht/fdht/model"
	"github.com/fdht/fdht/video"
)

// picture makes what a track takes of a message, as announced. It keeps its memory: but for JPEG it allocates nothing a frame.
type picture struct {
	hello    client.Hello
	channels int // that the model takes
	bytes    int64
	shape    *video.Shaper
	decoders chan *video.JPEG // of all streams: as many at once as there are processors, however many streams there are
	own      []byte
	row      []float32
}

func newPicture(c model.Config, h client.Hello, bytes int64, decoders chan *video.JPEG) (*picture, error) {
	p := &picture{hello: h, bytes: bytes, decoders: decoders}
	if c.Frame == nil {
		p.row = make([]float32, c.Input)
		return p, nil
	}
	if p.channels = 1; c.Frame.Input == "rgb" {
		p.channels = 3
	}
	var err error
	p.shape, err = video.NewShaper(video.Options{Height: c.Frame.Height, Width: c.Frame.Width, Channels: p.channels})
	return p, err
}

// give hands a message to a track. The track may keep it until its step.
func (p *picture) give(t *fdht.Track, data []byte) error {
	if p.bytes > 0 && int64(len(data)) != p.bytes {
		return fmt.Errorf("%d bytes, %s has %d", len(data), p.announced(), p.bytes)
	}
	if p.row != nil {
		for i := range p.row {
			x := math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
			if x-x != 0 {
				return fmt.Errorf("value %d is %v", i, x)
			}
			p.row[i] = x
		}
		return t.Row(p.row)
	}
	f := video.Frame{Height: p.hello.Height, Width: p.hello.Width, Channels: 1, Pix: data}
	switch p.hello.Format {
	case "rgb":
		f.Channels = 3
	case "jpeg":
		return p.giveJPEG(t, data)
	}
	return t.Frame(p.shape.Frame(f).Pix)
}

func (p *picture) giveJPEG(t *fdht.Track, data []byte) error {
	if len(data) == 0 {
		return errors.New("no bytes")
	}
	j := <-p.decoders
	defer func() { p.decoders <- j }()
	f, err := j.Decode(data, p.channels)
	if err != nil {
		return err
	}
	p.own = append(p.own[:0], p.shape.Frame(f).Pix...) // of the model's size; the decoder's memory is the next stream's
	return t.Frame(p.own)
}

// announced is the size of frames in words.
func (p *picture) announced() string {
	if p.row != nil {
		return fmt.Sprintf("float32 of %d numbers", len(p.row))
	}
	return fmt.Sprintf("%s of %dx%d", p.hello.Format, p.hello.Width, p.hello.Height)
}
