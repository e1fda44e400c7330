package serve

import (
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// limited is a listener that refuses connections beyond a number at once, in words that an HTTP client understands. To let them wait would let those who hold
// connections open without a use for them keep everyone else out without a word.
type limited struct {
	net.Listener
	most int64
	open atomic.Int64
}

func limit(l net.Listener, most int) net.Listener { return &limited{Listener: l, most: int64(most)} }

const full = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 80\r\n\r\n" +
	`{"title":"Service Unavailable","status":503,"detail":"too many connections now"}`

// Accept waits for the next connection that there is room for.
func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) <= l.most {
			return &counted{Conn: c, open: &l.open}, nil
		}
		l.open.Add(-1)
		_ = c.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)) // so few bytes go into the buffer of a new connection at once
		_, _ = c.Write([]byte(full))
		c.Close()
	}
}

// counted is a connection that is counted until it is closed.
type counted struct {
	net.Conn
	open *atomic.Int64
	once sync.Once
}

func (c *counted) Close() error {
	c.once.Do(func() { c.open.Add(-1) })
	return c.Conn.Close()
}
