// PORT REQUESTS [REQUESTS ...]: a keep-alive client by Go's own TLS; each part begins at a line.
package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
)

func get(client *http.Client, url string, requests string) {
	for left, _ := strconv.Atoi(requests); left > 0; left-- {
		answer, err := client.Get(url)
		if err != nil {
			panic(err)
		}
		io.Copy(io.Discard, answer.Body)
	}
}

func main() {
	lines := bufio.NewReader(os.Stdin)
	plain := map[string]func(string, *tls.Conn) http.RoundTripper{}
	way := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, TLSNextProto: plain}
	client, url := &http.Client{Transport: way}, "https://127.0.0.1:"+os.Args[1]+"/850"
	for _, requests := range os.Args[2:] {
		fmt.Println("ready")
		lines.ReadString('\n')
		get(client, url, requests)
	}
	way.CloseIdleConnections()
}
