import java.net.URI;
import java.security.SecureRandom;
import java.security.cert.X509Certificate;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManager;
import javax.net.ssl.X509TrustManager;

/** `Sealed.java get ADDRESS PORT keep (METHOD TARGET SIZE)...`: asks over Java's own TLS. */
class Sealed {
    static final X509TrustManager ANYBODY = new X509TrustManager() {
        public void checkClientTrusted(X509Certificate[] chain, String kind) {}

        public void checkServerTrusted(X509Certificate[] chain, String kind) {}

        public X509Certificate[] getAcceptedIssuers() {
            return new X509Certificate[0];
        }
    };

    public static void main(String[] words) throws Exception {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, new TrustManager[] {ANYBODY}, new SecureRandom());
        HttpsURLConnection.setDefaultSSLSocketFactory(context.getSocketFactory());
        HttpsURLConnection.setDefaultHostnameVerifier((host, session) -> true);
        System.out.println("ready");
        System.in.read();
        for (int i = 5; i < words.length; i += 3) {
            URI address = new URI("https://" + words[1] + ":" + words[2] + words[i]);
            address.toURL().openStream().readAllBytes();
        }
    }
}
