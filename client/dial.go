//go:build !js

package client

import "github.com/coder/websocket"

func (c *Client) dialOptions() *websocket.DialOptions {
	return &websocket.DialOptions{HTTPClient: c.http, Subprotocols: c.subprotocols()}
}
