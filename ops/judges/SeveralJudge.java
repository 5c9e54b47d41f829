import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.math.BigInteger;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.cert.CertPathValidatorException;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import sun.security.provider.certpath.CertId;
import sun.security.provider.certpath.OCSP;
import sun.security.provider.certpath.OCSPResponse;
import sun.security.x509.SerialNumber;

/**
 * The JDK's own OCSP client about several serials in one request, for java_judge.py. Path validation asks about one
 * certificate at a time, so this reaches the client behind it, which must be opened to us (--add-exports, --add-opens). A line
 * of standard input is a CA's certificate, the responder's URL, and serials, with tabs between them. A line of output is the
 * verdict on the answer, the one on the answer with an octet altered, and a status for each serial.
 */
final class SeveralJudge {
    private final Constructor<?> issuerInfo;
    private final Method verify;

    private SeveralJudge() throws ReflectiveOperationException {
        Class<?> info = Class.forName("sun.security.provider.certpath.OCSPResponse$IssuerInfo");
        issuerInfo = info.getDeclaredConstructor(X509Certificate.class);
        issuerInfo.setAccessible(true);
        verify = OCSPResponse.class.getDeclaredMethod(
                "verify", List.class, info, X509Certificate.class, Date.class, byte[].class, String.class);
        verify.setAccessible(true);
    }

    public static void main(String[] arguments) throws Exception {
        SeveralJudge judge = new SeveralJudge();
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            System.out.println(judge.judge(line.split("\t")));
        }
    }

    private String judge(String[] fields) throws Exception {
        X509Certificate issuer;
        try (InputStream octets = Files.newInputStream(Path.of(fields[0]))) {
            issuer = (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(octets);
        }
        List<CertId> asked = new ArrayList<>();
        for (int at = 2; at < fields.length; at++) {
            asked.add(new CertId(issuer, new SerialNumber(new BigInteger(fields[at]))));
        }
        byte[] answer = OCSP.getOCSPBytes(asked, URI.create(fields[1]), List.of());
        byte[] altered = answer.clone();
        // The octet before the first time's Z lies in the signed part.
        int at = 0;
        while (altered[at] != 'Z') {
            at++;
        }
        altered[at - 1] ^= 1;
        StringBuilder line = new StringBuilder(verdict(answer, asked, issuer)).append('\t').append(verdict(altered, asked, issuer));
        OCSPResponse response = new OCSPResponse(answer);
        for (CertId one : asked) {
            OCSPResponse.SingleResponse single = response.getSingleResponse(one);
            line.append('\t').append(single == null ? "NOTHING" : single.getCertStatus());
        }
        return line.toString();
    }

    /** As its client judges an answer that has come: who signed it, the signature, that all asked about is there, the times. */
    private String verdict(byte[] answer, List<CertId> asked, X509Certificate issuer) throws ReflectiveOperationException {
        try {
            verify.invoke(new OCSPResponse(answer), asked, issuerInfo.newInstance(issuer), null, null, null, "generic");
            return "accepted";
        } catch (InvocationTargetException refused) {
            if (refused.getCause() instanceof CertPathValidatorException) {
                return "refused: " + refused.getCause().getMessage().replaceAll("\\s+", " ");
            }
            throw refused;
        } catch (IOException unreadable) {
            return "unreadable: " + unreadable.getMessage();
        }
    }
}
