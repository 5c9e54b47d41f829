import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CRLException;
import java.security.cert.CertPath;
import java.security.cert.CertPathValidator;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertStore;
import java.security.cert.CertificateException;
import java.security.cert.CertificateFactory;
import java.security.cert.CertificateRevokedException;
import java.security.cert.CollectionCertStoreParameters;
import java.security.cert.PKIXParameters;
import java.security.cert.PKIXRevocationChecker;
import java.security.cert.PKIXRevocationChecker.Option;
import java.security.cert.TrustAnchor;
import java.security.cert.X509CRL;
import java.security.cert.X509Certificate;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;

/**
 * The JDK's own path validation, for java_judge.py. A line of standard input is a certificate, its CA's certificate, the
 * responder's URL, and three CRLs: full, of the certificate's municipality, of another one; tabs between them. A line of
 * output is the certificate, what was asked, the verdict, and by which HTTP methods the JDK asked.
 */
final class PathJudge {
    /** OCSP alone, CRLs alone: an empty set would fall back from the one to the other. */
    private static final EnumSet<Option> OCSP_ONLY = EnumSet.of(Option.NO_FALLBACK);
    private static final EnumSet<Option> CRL_ONLY = EnumSet.of(Option.PREFER_CRLS, Option.NO_FALLBACK);

    private final CertificateFactory factory = CertificateFactory.getInstance("X.509");
    private final HttpClient client = HttpClient.newHttpClient();
    private final ConcurrentLinkedQueue<String> methods = new ConcurrentLinkedQueue<>();
    private volatile URI responder;

    private PathJudge() throws Exception {}

    public static void main(String[] arguments) throws Exception {
        new PathJudge().judgeAll(new BufferedReader(new InputStreamReader(System.in)));
    }

    private void judgeAll(BufferedReader lines) throws Exception {
        // Between the JDK's OCSP client and the responder, to see by which method it really asks.
        HttpServer between = HttpServer.create(new InetSocketAddress("127.0.0.1", 0), 0);
        between.createContext("/", this::pass);
        between.start();
        URI here = URI.create("http://127.0.0.1:" + between.getAddress().getPort());
        try {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                String[] fields = line.split("\t");
                responder = URI.create(fields[2]);
                print(fields, "ocsp", OCSP_ONLY, here.resolve(responder.getPath()), null);
                print(fields, "ocsp-named-in-it", OCSP_ONLY, null, null);
                print(fields, "crl-full", CRL_ONLY, null, fields[3]);
                print(fields, "crl-municipal", CRL_ONLY, null, fields[4]);
                print(fields, "crl-of-another", CRL_ONLY, null, fields[5]);
            }
        } finally {
            between.stop(0);
        }
    }

    private void print(String[] fields, String asked, Set<Option> options, URI ocsp, String crl) throws Exception {
        String verdict;
        try {
            verdict = verdict(certificate(fields[0]), certificate(fields[1]), options, ocsp, crl == null ? null : crl(crl));
        } catch (CertificateException | CRLException unreadable) {
            verdict = "UNREADABLE " + unreadable.getMessage().replaceAll("\\s+", " ");
        }
        System.out.println(String.join("\t", fields[0], asked, verdict, String.join(",", methods)));
        methods.clear();
    }

    /** The only trust anchor is the CA's certificate; what cannot be determined is a refusal (no SOFT_FAIL). */
    private String verdict(X509Certificate certificate, X509Certificate anchor, Set<Option> options, URI ocsp, X509CRL crl)
            throws Exception {
        CertPathValidator validator = CertPathValidator.getInstance("PKIX");
        PKIXRevocationChecker checker = (PKIXRevocationChecker) validator.getRevocationChecker();
        checker.setOptions(options);
        checker.setOcspResponder(ocsp);
        PKIXParameters parameters = new PKIXParameters(Set.of(new TrustAnchor(anchor, null)));
        parameters.addCertPathChecker(checker);
        // The JDK refuses a critical policy with qualifiers unless told that somebody reads them; JPKI's layout has one.
        parameters.setPolicyQualifiersRejected(false);
        if (crl != null) {
            parameters.addCertStore(CertStore.getInstance("Collection", new CollectionCertStoreParameters(List.of(crl))));
        }
        CertPath path = factory.generateCertPath(List.of(certificate));
        try {
            validator.validate(path, parameters);
            return "accepted";
        } catch (CertPathValidatorException refused) {
            if (refused.getCause() instanceof CertificateRevokedException revoked) {
                return refused.getReason() + " " + revoked.getRevocationReason() + " " + revoked.getRevocationDate().toInstant();
            }
            return refused.getReason() + " " + refused.getMessage();
        }
    }

    private X509Certificate certificate(String path) throws Exception {
        try (InputStream octets = Files.newInputStream(Path.of(path))) {
            return (X509Certificate) factory.generateCertificate(octets);
        }
    }

    private X509CRL crl(String path) throws Exception {
        try (InputStream octets = Files.newInputStream(Path.of(path))) {
            return (X509CRL) factory.generateCRL(octets);
        }
    }

    private void pass(HttpExchange exchange) throws IOException {
        methods.add(exchange.getRequestMethod());
        URI target = responder.resolve(exchange.getRequestURI().getRawPath());
        HttpRequest.Builder request = HttpRequest.newBuilder(target).header("Content-Type", "application/ocsp-request");
        byte[] body = exchange.getRequestBody().readAllBytes();
        request.method(exchange.getRequestMethod(), HttpRequest.BodyPublishers.ofByteArray(body));
        try {
            HttpResponse<byte[]> answer = client.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
            answer.headers().firstValue("Content-Type").ifPresent(type -> exchange.getResponseHeaders().set("Content-Type", type));
            exchange.sendResponseHeaders(answer.statusCode(), answer.body().length);
            exchange.getResponseBody().write(answer.body());
        } catch (InterruptedException interrupted) {
            throw new IOException(interrupted);
        } finally {
            exchange.close();
        }
    }
}
