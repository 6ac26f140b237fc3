import java.io.ByteArrayInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;

/** The default client offers HTTP/2 in each first request. */
class WithJava {
    public static void main(String[] arguments) throws Exception {
        var client = HttpClient.newHttpClient();
        for (String line : Files.readAllLines(Path.of(arguments[0]))) {
            String[] parts = line.split("\t");
            byte[] body = Files.readAllBytes(Path.of(parts[2]));
            var request = HttpRequest.newBuilder(URI.create(parts[0])).POST(
                parts[1].equals("chunked")
                    ? BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(body))
                    : BodyPublishers.ofByteArray(body));
            for (int at = 3; at < parts.length; at++) {
                String[] field = parts[at].split(": ", 2);
                request.header(field[0], field[1]);
            }
            try {
                System.out.println(client.send(request.build(), BodyHandlers.ofString()).statusCode());
            } catch (java.io.IOException error) {
                System.out.println(error);
            }
        }
    }
}
