package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
)

func main() {
	calls, _ := os.ReadFile(os.Args[1])
	for _, line := range strings.Split(strings.TrimSpace(string(calls)), "\n") {
		parts := strings.Split(line, "\t")
		body, _ := os.ReadFile(parts[2])
		var reader io.Reader = bytes.NewReader(body)
		if parts[1] == "chunked" {
			reader = io.MultiReader(reader) // of unknown length
		}
		request, _ := http.NewRequest("POST", parts[0], reader)
		for _, field := range parts[3:] {
			name, value, _ := strings.Cut(field, ": ")
			request.Header.Set(name, value)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			fmt.Println(err)
			continue
		}
		io.Copy(io.Discard, answer.Body)
		answer.Body.Close()
		fmt.Println(answer.StatusCode)
	}
}
