package client

import "github.com/coder/websocket"

func (c *Client) dialOptions() *websocket.DialOptions {
	return &websocket.DialOptions{Subprotocols: c.subprotocols()}
}
