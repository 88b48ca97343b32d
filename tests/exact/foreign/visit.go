// A Go server and a Go client: `visit serve ADDRESS` and `visit get URL TIMES SIZE`.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"time"
)

// answer sends as many bytes as the path says, and reads what it was sent first.
func answer(out http.ResponseWriter, in *http.Request) {
	size, err := strconv.Atoi(in.URL.Path[1:])
	if err != nil {
		http.NotFound(out, in)
		return
	}
	io.Copy(io.Discard, in.Body)
	out.Write(bytes.Repeat([]byte("x"), size))
}

func serve(address string) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		panic(err)
	}
	fmt.Println("ready")
	panic(http.Serve(listener, http.HandlerFunc(answer)))
}

// alone returns once no other goroutine is left: the end of the program cuts off no close of theirs.
func alone() {
	for runtime.NumGoroutine() > 1 {
		time.Sleep(time.Millisecond)
	}
}

// get asks as often as it is told, with a body of a size, and counts what it was answered.
func get(url string, times int, size int) {
	counts := map[string]int{"requests": times}
	for range make([]struct{}, times) {
		response, err := http.Post(url, "text/plain", bytes.NewReader(make([]byte, size)))
		if err != nil {
			panic(err)
		}
		body, err := io.Copy(io.Discard, response.Body)
		if err != nil {
			panic(err)
		}
		response.Body.Close()
		counts["body_bytes"] += int(body)
		counts[fmt.Sprintf("status_%d", response.StatusCode)]++
	}
	http.DefaultClient.CloseIdleConnections()
	alone()
	json.NewEncoder(os.Stdout).Encode(counts)
}

func main() {
	if os.Args[1] == "serve" {
		serve(os.Args[2])
	}
	times, _ := strconv.Atoi(os.Args[3])
	size, _ := strconv.Atoi(os.Args[4])
	get(os.Args[2], times, size)
}
