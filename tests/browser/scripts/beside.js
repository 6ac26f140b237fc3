text => {
  // Puts the card of the change fail rate beside a terminal with the given text, at twice the size of both.
  const card = document.querySelector("#changeFailRate").closest("section");
  const terminal = document.createElement("pre");
  terminal.textContent = text;
  Object.assign(terminal.style, {
    background: "#14181f", color: "#dde5ee", borderRadius: "10px", padding: "14px", margin: "0",
    fontSize: "13px", lineHeight: "1.85", whiteSpace: "pre-wrap",
  });
  document.body.replaceChildren(terminal, card);
  Object.assign(document.body.style, {
    zoom: "2", minHeight: "0", alignContent: "start", display: "grid", gridTemplateColumns: "1fr 296px",
    gap: "14px", padding: "14px", margin: "0",
  });
}
