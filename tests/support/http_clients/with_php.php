<?php
$curl = curl_init();
foreach (file($argv[1], FILE_IGNORE_NEW_LINES) as $line) {
    [$url, $mode, $file] = $fields = explode("\t", $line);
    $headers = array_slice($fields, 3);
    curl_reset($curl);
    curl_setopt_array($curl, [CURLOPT_URL => $url, CURLOPT_POST => true, CURLOPT_RETURNTRANSFER => true]);
    if ($mode === "chunked") {
        $stream = fopen($file, "rb");
        $headers[] = "Transfer-Encoding: chunked";
        curl_setopt($curl, CURLOPT_READFUNCTION, fn ($_, $__, $length) => (string) fread($stream, $length));
    } else {
        curl_setopt($curl, CURLOPT_POSTFIELDS, file_get_contents($file));
    }
    curl_setopt($curl, CURLOPT_HTTPHEADER, $headers);
    curl_exec($curl);
    echo curl_getinfo($curl, CURLINFO_RESPONSE_CODE), "\n";
}
