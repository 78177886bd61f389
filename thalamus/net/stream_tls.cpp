#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <boost/asio/ssl.hpp>
#include <cstdlib>
#include <filesystem>

#include "thalamus/net/socket_stream.h"
#include "thalamus/net/stream_tcp.h"

namespace thalamus::net {

namespace ssl = asio::ssl;
using TlsSocket = ssl::stream<asio::ip::tcp::socket>;

struct TlsTrust::Impl {
  ssl::context context{ssl::context::tls_client};
};

TlsTrust::TlsTrust(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsTrust::~TlsTrust() = default;

namespace {

// libcrypto is linked statically and knows one distribution's folder only.
constexpr std::array<const char*, 4> kSystemBundles{"/etc/ssl/certs/ca-certificates.crt",
                                                    "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
                                                    "/etc/ssl/cert.pem"};

bool has_hashed_certificates() {
  const char* named = std::getenv(X509_get_default_cert_dir_env());
  const bool is_named = named != nullptr && *named != '\0';
  const std::filesystem::path folder = is_named ? named : X509_get_default_cert_dir();
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error))
    if (entry->path().extension() == ".0") return true;
  return false;
}

Status load_system_authorities(ssl::context& context) {
  boost::system::error_code error;
  // SSL_CERT_FILE is named by a person: unreadable, it must not pass in silence.
  if (const char* named = std::getenv(X509_get_default_cert_file_env()); named != nullptr && *named != '\0') {
    context.load_verify_file(named, error);
    if (error)
      return fail(ErrorKind::kEnvironment, "SSL_CERT_FILE names '{}', which cannot be loaded: {}", named,
                  error.message());
    return {};
  }
  context.set_default_verify_paths(error);
  // A hashed folder is read certificate by certificate when needed; a bundle costs tens of milliseconds at once.
  if (has_hashed_certificates()) return {};
  for (const char* bundle : kSystemBundles) {
    std::error_code ignored;
    if (!std::filesystem::exists(bundle, ignored)) continue;
    context.load_verify_file(bundle, error);
    break;
  }
  return {};
}

std::string verify_problem(SSL* handle) {
  const long result = SSL_get_verify_result(handle);
  if (result == X509_V_OK) return {};
  return X509_verify_cert_error_string(result);
}

Status prepare(TlsSocket& stream, const std::string& host) {
  SSL* handle = stream.native_handle();
  boost::system::error_code not_an_address;
  static_cast<void>(asio::ip::make_address(host, not_an_address));
  // SNI carries names only (RFC 6066 section 3).
  if (not_an_address && SSL_set_tlsext_host_name(handle, host.c_str()) != 1)
    return fail(ErrorKind::kInvalidInput, "'{}' cannot be a TLS server name", host);
  constexpr unsigned char kProtocols[] = "\x08http/1.1";
  if (SSL_set_alpn_protos(handle, kProtocols, sizeof(kProtocols) - 1) != 0)
    return fail(ErrorKind::kInternal, "ALPN could not be set");
  // The name is checked by OpenSSL itself, so that a mismatch appears in its verify result.
  X509_VERIFY_PARAM* parameters = SSL_get0_param(handle);
  X509_VERIFY_PARAM_set_hostflags(parameters, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  const int set = not_an_address ? X509_VERIFY_PARAM_set1_host(parameters, host.c_str(), host.size())
                                 : X509_VERIFY_PARAM_set1_ip_asc(parameters, host.c_str());
  if (set != 1) return fail(ErrorKind::kInvalidInput, "'{}' cannot be checked against a certificate", host);
  return {};
}

/// Shared by the handshake and the timer that bounds it.
struct Handshake {
  explicit Handshake(TlsSocket&& socket) : stream(std::move(socket)), timer(stream.get_executor()) {}
  TlsSocket stream;
  asio::steady_timer timer;
  bool done = false;
  bool timed_out = false;
};

}  // namespace

Result<std::shared_ptr<TlsTrust>> TlsTrust::load(const std::vector<std::string>& ca_files) {
  auto impl = std::make_unique<Impl>();
  ssl::context& context = impl->context;
  boost::system::error_code error;
  if (SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION) != 1)
    return fail(ErrorKind::kInternal, "TLS 1.2 is not available in this build");
  SSL_CTX_set_mode(context.native_handle(), SSL_MODE_RELEASE_BUFFERS);
  context.set_verify_mode(ssl::verify_peer, error);
  CHECK_OK(load_system_authorities(context));
  for (const std::string& file : ca_files) {
    context.load_verify_file(file, error);
    if (error)
      return fail(ErrorKind::kEnvironment, "the CA file '{}' cannot be loaded: {}; expected certificates in PEM form",
                  file, error.message());
  }
  return std::shared_ptr<TlsTrust>(new TlsTrust(std::move(impl)));
}

Awaitable<Result<std::unique_ptr<Stream>>> start_tls(asio::ip::tcp::socket socket, std::shared_ptr<TlsTrust> trust,
                                                     std::string host, Nanoseconds deadline) {
  boost::system::error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  const auto remote = socket.remote_endpoint(ignored);
  std::string peer = fmt::format("{}:{}", host, remote.port());
  const auto handshake = std::make_shared<Handshake>(TlsSocket(std::move(socket), trust->impl().context));
  if (auto prepared = prepare(handshake->stream, host); !prepared)
    co_return std::unexpected(std::move(prepared).error());
  if (deadline != kNever) {
    handshake->timer.expires_at(to_time_point(deadline));
    handshake->timer.async_wait([handshake](const boost::system::error_code& error) {
      if (error || handshake->done) return;
      handshake->timed_out = true;
      boost::system::error_code closing;
      handshake->stream.lowest_layer().close(closing);
    });
  }
  const auto [error] = co_await handshake->stream.async_handshake(ssl::stream_base::client, kAsTuple);
  handshake->done = true;
  handshake->timer.cancel();
  if (handshake->timed_out) co_return fail(ErrorKind::kTimeout, "{}: the TLS handshake took too long", peer);
  if (error) {
    const std::string problem = verify_problem(handshake->stream.native_handle());
    if (problem.empty()) co_return fail(ErrorKind::kUnavailable, "{}: TLS handshake: {}", peer, error.message());
    co_return fail(ErrorKind::kUnavailable,
                   "{}: the server's certificate is not accepted: {}; check the address, or name the authority that "
                   "signed it in SSL_CERT_FILE or as the CA file",
                   peer, problem);
  }
  std::unique_ptr<Stream> stream = std::make_unique<SocketStream<TlsSocket>>(std::move(handshake->stream), peer);
  co_return stream;
}

}  // namespace thalamus::net
