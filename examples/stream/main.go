// Command stream follows a video frame by frame, with the library: it prints the label each time it changes. The video is
// the file named, or standard input, such as a camera through ffmpeg.
//
//	go run ./examples/stream runs/demo/model.safetensors runs/demo/clips/left.y4m
//	ffmpeg -v error -i /dev/video0 -f yuv4mpegpipe -pix_fmt yuv420p - | go run ./examples/stream model.safetensors
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/fdht/fdht"
	"github.com/fdht/fdht/video"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) < 2 {
		log.Fatal("usage: stream MODEL [FILE]")
	}
	m, err := fdht.Load(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	s, err := m.NewStream()
	if err != nil {
		log.Fatal(err)
	}

	// Frames as the model takes them: its size, and grey unless it sees colours.
	f := m.Config().Frame
	if f == nil {
		log.Fatal("the model takes rows of features, not video")
	}
	o := video.Options{Height: f.Height, Width: f.Width, Channels: 1}
	if f.Input == "rgb" {
		o.Channels = 3
	}
	frames := video.Stream(context.Background(), os.Stdin, o)
	if len(os.Args) > 2 {
		frames = video.Frames(context.Background(), os.Args[2], o)
	}

	label, n := "", 0
	var busy time.Duration
	for frame, err := range frames {
		if err != nil {
			log.Fatal(err)
		}
		start := time.Now()
		p, err := s.Step(frame.Pix)
		if err != nil {
			log.Fatal(err)
		}
		busy += time.Since(start)
		if n++; p.Label != label {
			label = p.Label
			fmt.Printf("frame %d: %s (%.2f)\n", n, label, p.Probs[p.Class])
		}
	}
	fmt.Printf("%d frames, %.2f ms each\n", n, busy.Seconds()*1e3/float64(max(n, 1)))
}
