// HTTP over Go's TLS: `sealed serve ADDRESS PORT CHAIN KEY`, `sealed get ADDRESS PORT SHAPE METHOD TARGET BODY...`.
package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"time"
)

// answer sends as many bytes as the path says, and reads what it was sent first.
func answer(out http.ResponseWriter, in *http.Request) {
	io.Copy(io.Discard, in.Body)
	size, err := strconv.Atoi(in.URL.Path[1:])
	if err != nil {
		http.NotFound(out, in)
		return
	}
	out.Header().Set("Content-Length", strconv.Itoa(size))
	out.Write(bytes.Repeat([]byte("x"), size))
}

func serve(address, chain, key string) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		panic(err)
	}
	fmt.Println("ready")
	server := &http.Server{
		Handler:      http.HandlerFunc(answer),
		ErrorLog:     log.New(io.Discard, "", 0),
		TLSNextProto: map[string]func(*http.Server, *tls.Conn, http.Handler){}, // HTTP/1.1 alone
	}
	panic(server.ServeTLS(listener, chain, key))
}

// ask asks once, and counts what it was answered.
func ask(client *http.Client, counts map[string]int, method, url string, size int) {
	request, err := http.NewRequest(method, url, bytes.NewReader(make([]byte, size)))
	if err != nil {
		panic(err)
	}
	response, err := client.Do(request)
	if err != nil {
		panic(err)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		panic(err)
	}
	response.Body.Close()
	counts[fmt.Sprintf("status_%d", response.StatusCode)]++
}

// alone returns once no other goroutine is left: the end of the program cuts off no close of theirs.
func alone() {
	for runtime.NumGoroutine() > 1 {
		time.Sleep(time.Millisecond)
	}
}

func get(address, shape string, wishes []string) {
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true},
		TLSNextProto:      map[string]func(string, *tls.Conn) http.RoundTripper{},
		DisableKeepAlives: shape == "fresh",
		MaxConnsPerHost:   1,
	}
	client, counts := &http.Client{Transport: transport}, map[string]int{}
	url := "https://" + address
	if shape == "older" {
		ask(client, map[string]int{}, "GET", url+"/850", 0)
	}
	fmt.Println("ready")
	bufio.NewReader(os.Stdin).ReadString('\n')
	for at := 0; at+2 < len(wishes); at += 3 {
		size, _ := strconv.Atoi(wishes[at+2])
		ask(client, counts, wishes[at], url+wishes[at+1], size)
	}
	transport.CloseIdleConnections()
	alone()
	json.NewEncoder(os.Stdout).Encode(counts)
}

func main() {
	address := net.JoinHostPort(os.Args[2], os.Args[3])
	if os.Args[1] == "serve" {
		serve(address, os.Args[4], os.Args[5])
	}
	get(address, os.Args[4], os.Args[5:])
}
