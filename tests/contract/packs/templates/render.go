// Render a template with Go's engine and Sprig's functions, as Argo's notifications do: the template
// on standard input, the file of the objects as the argument.
package main

import (
	"encoding/json"
	"io"
	"os"
	"text/template"
	"time"

	"github.com/Masterminds/sprig"
)

func check(err error) {
	if err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}

func main() {
	text, err := io.ReadAll(os.Stdin)
	check(err)
	raw, err := os.ReadFile(os.Args[1])
	check(err)
	objects := map[string]any{}
	check(json.Unmarshal(raw, &objects))
	objects["time"] = map[string]any{"Now": time.Now}
	parsed, err := template.New("body").Funcs(sprig.TxtFuncMap()).Parse(string(text))
	check(err)
	check(parsed.Execute(os.Stdout, objects))
}
