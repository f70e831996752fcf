import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.URLDecoder;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Base64;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;
import javax.security.auth.callback.Callback;
import javax.security.auth.callback.UnsupportedCallbackException;
import javax.security.auth.login.AppConfigurationEntry;
import org.apache.kafka.common.security.auth.AuthenticateCallbackHandler;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerExtensionsValidatorCallback;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerToken;
import org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallback;

/**
 * Judges the tokens of an OAUTHBEARER listener as MSK with IAM does: a presigned request for
 * kafka-cluster:Connect whose signature this class makes again, by Java's cryptography. The secret of
 * an access key ID is the ID behind a prefix; keys.properties beside this class has that prefix, the
 * session token, how long a session may last, and where to note, a line each, whose tokens were taken.
 */
public class MskTokenValidator implements AuthenticateCallbackHandler {
  private static final Set<String> NAMES =
      Set.of("Action", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires",
          "X-Amz-SignedHeaders", "X-Amz-Security-Token", "X-Amz-Signature", "User-Agent");
  private static final DateTimeFormatter TIME =
      DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'").withZone(ZoneOffset.UTC);

  private final Properties keys = new Properties();

  @Override
  public void configure(Map<String, ?> configs, String mechanism, List<AppConfigurationEntry> jaas) {
    try (InputStream in = MskTokenValidator.class.getResourceAsStream("keys.properties")) {
      keys.load(in);
    } catch (IOException error) {
      throw new IllegalStateException(error);
    }
  }

  @Override
  public void handle(Callback[] callbacks) throws IOException, UnsupportedCallbackException {
    for (Callback callback : callbacks) {
      if (callback instanceof OAuthBearerValidatorCallback validation) {
        validate(validation);
      } else if (callback instanceof OAuthBearerExtensionsValidatorCallback extensions) {
        extensions.inputExtensions().map().keySet().forEach(extensions::valid);
      } else {
        throw new UnsupportedCallbackException(callback);
      }
    }
  }

  @Override
  public void close() {}

  private void validate(OAuthBearerValidatorCallback validation) throws IOException {
    try {
      String accessKey = accessKeyOf(validation.tokenValue());
      validation.token(new Accepted(validation.tokenValue(),
          Instant.now().plusSeconds(Long.parseLong(keys.getProperty("session.seconds")))));
      Files.writeString(Path.of(keys.getProperty("taken")), accessKey + "\n",
          StandardOpenOption.CREATE, StandardOpenOption.APPEND);
    } catch (IllegalArgumentException | GeneralSecurityException wrong) {
      validation.error("invalid_token: " + wrong.getMessage(), null, null);
    }
  }

  /** Whose token it is; throws when anything about it is wrong. */
  private String accessKeyOf(String token) throws GeneralSecurityException {
    expect(!token.contains("="), "padding");
    String text = new String(Base64.getUrlDecoder().decode(token), StandardCharsets.UTF_8);
    URI url = URI.create(text);
    TreeMap<String, String> query = new TreeMap<>();
    for (String pair : url.getRawQuery().split("&")) {
      String[] parts = pair.split("=", 2);
      expect(query.put(parts[0], URLDecoder.decode(parts[1], StandardCharsets.UTF_8)) == null, "twice");
    }
    expect(query.keySet().equals(NAMES), "names " + query.keySet());
    String[] scope = query.get("X-Amz-Credential").split("/");
    expect(scope.length == 5 && scope[3].equals("kafka-cluster") && scope[4].equals("aws4_request"), "scope");
    expect(url.getScheme().equals("https") && url.getPath().equals("/"), "place");
    expect(url.getHost().equals("kafka." + scope[2] + ".amazonaws.com"), "host");
    expect(query.get("Action").equals("kafka-cluster:Connect"), "action");
    expect(query.get("X-Amz-Algorithm").equals("AWS4-HMAC-SHA256"), "algorithm");
    expect(query.get("X-Amz-Expires").equals("900"), "lifetime");
    expect(query.get("X-Amz-SignedHeaders").equals("host"), "headers");
    expect(query.get("X-Amz-Security-Token").equals(keys.getProperty("session.token")), "session");
    expect(!query.remove("User-Agent").isEmpty(), "agent");
    Instant made = TIME.parse(query.get("X-Amz-Date"), Instant::from);
    expect(Duration.between(made, Instant.now()).abs().compareTo(Duration.ofSeconds(900)) < 0, "time");
    String signature = query.remove("X-Amz-Signature");
    expect(signature.equals(sign(url.getHost(), query, scope)), "signature");
    return scope[0];
  }

  private String sign(String host, TreeMap<String, String> query, String[] scope)
      throws GeneralSecurityException {
    StringBuilder sorted = new StringBuilder();
    query.forEach((name, value) -> {
      sorted.append(sorted.isEmpty() ? "" : "&").append(name).append('=');
      sorted.append(URLEncoder.encode(value, StandardCharsets.UTF_8).replace("+", "%20").replace("*", "%2A"));
    });
    String request = "GET\n/\n" + sorted + "\nhost:" + host + "\n\nhost\n" + sha256("");
    String end = scope[1] + "/" + scope[2] + "/" + scope[3] + "/" + scope[4];
    String toSign = "AWS4-HMAC-SHA256\n" + query.get("X-Amz-Date") + "\n" + end + "\n" + sha256(request);
    byte[] key = ("AWS4" + keys.getProperty("secret.prefix") + scope[0]).getBytes(StandardCharsets.UTF_8);
    for (int part = 1; part < scope.length; part++) key = hmac(key, scope[part]);
    return HexFormat.of().formatHex(hmac(key, toSign));
  }

  private static byte[] hmac(byte[] key, String text) throws GeneralSecurityException {
    Mac mac = Mac.getInstance("HmacSHA256");
    mac.init(new SecretKeySpec(key, "HmacSHA256"));
    return mac.doFinal(text.getBytes(StandardCharsets.UTF_8));
  }

  private static String sha256(String text) throws GeneralSecurityException {
    byte[] digest = MessageDigest.getInstance("SHA-256").digest(text.getBytes(StandardCharsets.UTF_8));
    return HexFormat.of().formatHex(digest);
  }

  private static void expect(boolean holds, String what) {
    if (!holds) throw new IllegalArgumentException("wrong " + what);
  }

  /** All of one role: a session may not change to another principal. */
  private record Accepted(String value, Instant end) implements OAuthBearerToken {
    @Override
    public String principalName() {
      return "consumers";
    }

    @Override
    public Set<String> scope() {
      return Set.of();
    }

    @Override
    public long lifetimeMs() {
      return end.toEpochMilli();
    }

    @Override
    public Long startTimeMs() {
      return null;
    }
  }
}
