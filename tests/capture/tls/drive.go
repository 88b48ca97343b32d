// PORT REQUESTS: a keep-alive client by Go's own TLS; begins at a byte.
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

func main() {
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadByte()
	plain := map[string]func(string, *tls.Conn) http.RoundTripper{}
	way := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, TLSNextProto: plain}
	client, url := &http.Client{Transport: way}, "https://127.0.0.1:"+os.Args[1]+"/850"
	for left, _ := strconv.Atoi(os.Args[2]); left > 0; left-- {
		answer, err := client.Get(url)
		if err != nil {
			panic(err)
		}
		io.Copy(io.Discard, answer.Body)
	}
	way.CloseIdleConnections()
}
