import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.BufferedReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class AliceTest {
    private static final HttpClient CLIENT = HttpClient.newHttpClient();
    private static final String BOB = "01890a5d-ac96-774b-8000-000000000002";
    private static Process process;
    private static String url;

    @BeforeAll
    static void start() throws Exception {
        ProcessBuilder builder = new ProcessBuilder(
            "cloakroom", "serve", "--test", "--json", "--listen", "127.0.0.1:0", "--exit-with-parent");
        process = builder.redirectError(ProcessBuilder.Redirect.DISCARD).start();
        BufferedReader output = process.inputReader();
        url = member(output.readLine(), "url");
    }

    @AfterAll
    static void stop() throws Exception {
        process.destroy();
        process.waitFor();
    }

    @BeforeEach
    void reset() throws Exception {
        assertEquals(204, send("POST", "/test/reset", "", null).statusCode());
    }

    @Test
    void aliceCannotDeleteBob() throws Exception {
        String alice = member(send("POST", "/test/token", "{\"as\": \"alice\"}", null).body(), "token");
        assertEquals(403, send("DELETE", "/users/" + BOB, "", alice).statusCode());
    }

    private static HttpResponse<String> send(String method, String path, String body, String token) throws Exception {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url + path))
            .method(method, BodyPublishers.ofString(body)).header("content-type", "application/json");
        if (token != null) {
            request.header("authorization", "Bearer " + token);
        }
        return CLIENT.send(request.build(), BodyHandlers.ofString());
    }

    /** Returns a text member of a JSON object; a real test uses a JSON library. */
    private static String member(String json, String name) {
        var matcher = Pattern.compile("\"" + name + "\":\\s*\"([^\"]+)\"").matcher(json);
        matcher.find();
        return matcher.group(1);
    }
}
