#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <array>
#include <boost/asio/ssl.hpp>
#include <cstdlib>
#include <filesystem>
#include <mutex>

#include "thalamus/net/socket_stream.h"
#include "thalamus/net/stream_tcp.h"
#include "thalamus/net/tls_identity.h"

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

/// In place of OpenSSL's own, which asks on the terminal and waits there. `asked`, a bool, may be null.
int give_no_password(char*, int, int, void* asked) {
  if (asked != nullptr) *static_cast<bool*>(asked) = true;
  return -1;
}

/// ALPN's list of what we speak, in our order of preference.
std::string_view protocols_of(HttpVersion version) noexcept {
  switch (version) {
    case HttpVersion::kHttp1: return "\x08http/1.1";
    case HttpVersion::kHttp2: return "\x02h2";
    case HttpVersion::kAuto: break;
  }
  return "\x02h2\x08http/1.1";
}

HttpVersion agreed_on(SSL* handle) noexcept {
  const unsigned char* protocol = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(handle, &protocol, &size);
  if (size == 0) return HttpVersion::kAuto;
  const std::string_view name(reinterpret_cast<const char*>(protocol), size);
  return name == "h2" ? HttpVersion::kHttp2 : HttpVersion::kHttp1;
}

const unsigned char* bytes_of(std::string_view text) noexcept {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Status prepare(TlsSocket& stream, const std::string& host, HttpVersion version) {
  SSL* handle = stream.native_handle();
  boost::system::error_code not_an_address;
  static_cast<void>(asio::ip::make_address(host, not_an_address));
  // SNI carries names only (RFC 6066 section 3).
  if (not_an_address && SSL_set_tlsext_host_name(handle, host.c_str()) != 1)
    return fail(ErrorKind::kInvalidInput, "'{}' cannot be a TLS server name", host);
  const auto protocols = protocols_of(version);
  if (SSL_set_alpn_protos(handle, bytes_of(protocols), static_cast<unsigned>(protocols.size())) != 0)
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
struct Handshake : std::enable_shared_from_this<Handshake> {
  Handshake(asio::ip::tcp::socket&& socket, ssl::context& context)
      : stream(std::move(socket), context), timer(stream.get_executor()) {}

  void bound(Nanoseconds deadline) {
    if (deadline == kNever) return;
    timer.expires_at(to_time_point(deadline));
    timer.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
      if (error || self->done) return;
      self->timed_out = true;
      self->close();
    });
  }
  void close() noexcept {
    boost::system::error_code ignored;
    stream.lowest_layer().close(ignored);
  }

  TlsSocket stream;
  asio::steady_timer timer;
  bool done = false;
  bool timed_out = false;
};

Awaitable<boost::system::error_code> shake_hands(std::shared_ptr<Handshake> handshake,
                                                 ssl::stream_base::handshake_type side, Nanoseconds deadline) {
  handshake->bound(deadline);
  const auto [error] = co_await handshake->stream.async_handshake(side, kAsTuple);
  handshake->done = true;
  handshake->timer.cancel();
  co_return error;
}

std::unique_ptr<Stream> finished(Handshake& handshake, std::string peer) {
  const HttpVersion version = agreed_on(handshake.stream.native_handle());
  auto stream = std::make_unique<SocketStream<TlsSocket>>(std::move(handshake.stream), std::move(peer));
  stream->set_negotiated(version);
  return stream;
}

}  // namespace

Result<std::shared_ptr<TlsTrust>> TlsTrust::load(const std::vector<std::string>& ca_files) {
  auto impl = std::make_unique<Impl>();
  ssl::context& context = impl->context;
  boost::system::error_code error;
  if (SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION) != 1)
    return fail(ErrorKind::kInternal, "TLS 1.2 is not available in this build");
  SSL_CTX_set_mode(context.native_handle(), SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_default_passwd_cb(context.native_handle(), give_no_password);
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
                                                     std::string host, HttpVersion version, Nanoseconds deadline) {
  boost::system::error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  const auto remote = socket.remote_endpoint(ignored);
  std::string peer = fmt::format("{}:{}", host, remote.port());
  const auto handshake = std::make_shared<Handshake>(std::move(socket), trust->impl().context);
  if (auto prepared = prepare(handshake->stream, host, version); !prepared)
    co_return std::unexpected(std::move(prepared).error());
  const auto error = co_await shake_hands(handshake, ssl::stream_base::client, deadline);
  if (handshake->timed_out) co_return fail(ErrorKind::kTimeout, "{}: the TLS handshake took too long", peer);
  if (error) {
    const std::string problem = verify_problem(handshake->stream.native_handle());
    if (problem.empty()) co_return fail(ErrorKind::kUnavailable, "{}: TLS handshake: {}", peer, error.message());
    co_return fail(ErrorKind::kUnavailable,
                   "{}: the server's certificate is not accepted: {}; check the address, or name the authority that "
                   "signed it in SSL_CERT_FILE or as the CA file",
                   peer, problem);
  }
  co_return finished(*handshake, std::move(peer));
}

// ---- serving
// ---------------------------------------------------------------------------------------------------------

struct TlsIdentity::Impl {
  TlsFiles files;
  std::mutex mutex;  ///< of `context`: every core takes it once for each connection
  std::shared_ptr<ssl::context> context;

  [[nodiscard]] std::shared_ptr<ssl::context> current() {
    const std::lock_guard lock(mutex);
    return context;
  }
};

namespace {

// HTTP/2 forbids the older ones (RFC 9113 section 9.2.2); TLS 1.3 has only sound ones.
constexpr const char* kCiphers12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

int choose_protocol(SSL* handle, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
                    unsigned offered_size, void*) {
  // Which of ours this connection may use is a property of the connection.
  const auto* protocols = static_cast<const std::string_view*>(SSL_get_app_data(handle));
  if (protocols == nullptr) return SSL_TLSEXT_ERR_NOACK;
  unsigned char* chosen = nullptr;
  const int found = SSL_select_next_proto(&chosen, out_size, bytes_of(*protocols),
                                          static_cast<unsigned>(protocols->size()), offered, offered_size);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/// Notes whether a file of `context` was found to be under a password, for as long as this lives.
class PasswordWatch {
 public:
  explicit PasswordWatch(SSL_CTX* context) : context_(context) {
    SSL_CTX_set_default_passwd_cb(context_, give_no_password);
    SSL_CTX_set_default_passwd_cb_userdata(context_, &asked_);
  }
  // Asio takes what it finds there for its own and deletes it.
  ~PasswordWatch() { SSL_CTX_set_default_passwd_cb_userdata(context_, nullptr); }
  PasswordWatch(const PasswordWatch&) = delete;
  PasswordWatch& operator=(const PasswordWatch&) = delete;
  [[nodiscard]] bool asked() const noexcept { return asked_; }

 private:
  SSL_CTX* context_;
  bool asked_ = false;
};

Status load_identity(ssl::context& context, const TlsFiles& files) {
  const PasswordWatch password(context.native_handle());
  boost::system::error_code error;
  context.use_certificate_chain_file(files.certificate_file, error);
  if (error && password.asked())
    return fail(ErrorKind::kEnvironment,
                "the certificate file '{}' is protected by a password, which nobody is there to give; expected a "
                "chain in PEM form without one",
                files.certificate_file);
  if (error)
    return fail(ErrorKind::kEnvironment, "the certificate file '{}' cannot be loaded: {}; expected a chain in PEM form",
                files.certificate_file, error.message());
  context.use_private_key_file(files.key_file, ssl::context::pem, error);
  if (error && password.asked())
    return fail(ErrorKind::kEnvironment,
                "the key file '{}' is protected by a password, which nobody is there to give; write the key without "
                "one, with `openssl pkey -in KEY -out NEW`, and keep that file from others by its permissions",
                files.key_file);
  if (error)
    return fail(ErrorKind::kEnvironment,
                "the key file '{}' cannot be loaded: {}; expected the key of the certificate, in PEM form and without "
                "a password",
                files.key_file, error.message());
  if (SSL_CTX_check_private_key(context.native_handle()) != 1)
    return fail(ErrorKind::kEnvironment, "the key in '{}' is not the key of the certificate in '{}'", files.key_file,
                files.certificate_file);
  const X509* certificate = SSL_CTX_get0_certificate(context.native_handle());
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0)
    return fail(ErrorKind::kEnvironment, "the certificate in '{}' has expired", files.certificate_file);
  if (files.client_ca_file.empty()) return {};
  context.load_verify_file(files.client_ca_file, error);
  if (error)
    return fail(ErrorKind::kEnvironment,
                "the client CA file '{}' cannot be loaded: {}; expected certificates in PEM form", files.client_ca_file,
                error.message());
  // What the client sees of the authorities it may choose a certificate from.
  SSL_CTX_set_client_CA_list(context.native_handle(), SSL_load_client_CA_file(files.client_ca_file.c_str()));
  context.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert, error);
  return {};
}

Result<std::shared_ptr<ssl::context>> make_server_context(const TlsFiles& files) {
  ERR_clear_error();
  auto context = std::make_shared<ssl::context>(ssl::context::tls_server);
  SSL_CTX* handle = context->native_handle();
  if (SSL_CTX_set_min_proto_version(handle, TLS1_2_VERSION) != 1 || SSL_CTX_set_cipher_list(handle, kCiphers12) != 1)
    return fail(ErrorKind::kInternal, "TLS 1.2 with its ciphers is not available in this build");
  SSL_CTX_set_options(handle, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(handle, SSL_MODE_RELEASE_BUFFERS);
  // Without it a client with a certificate could not resume its session.
  constexpr std::string_view kName = "thalamus";
  SSL_CTX_set_session_id_context(handle, bytes_of(kName), static_cast<unsigned>(kName.size()));
  SSL_CTX_set_alpn_select_cb(handle, choose_protocol, nullptr);
  Status loaded = load_identity(*context, files);
  // OpenSSL keeps what went wrong for whoever asks next on this thread.
  ERR_clear_error();
  if (!loaded) return std::unexpected(std::move(loaded).error());
  return context;
}

constexpr auto kTellPatience = Nanoseconds::from_ms(1'000);
constexpr std::size_t kDiscardedMax = 1U << 20;
constexpr std::string_view kPlainHttpAnswer =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\nContent-Length: 32\r\n\r\n"
    "this port speaks TLS: use https\n";

/// SSL_R_..., or 0 for what is no error of OpenSSL's.
int reason_in_openssl(const boost::system::error_code& error) {
  if (error.category() != asio::error::get_ssl_category()) return 0;
  return ERR_GET_REASON(static_cast<unsigned long>(error.value()));
}

ErrorKind kind_of(const boost::system::error_code& error) {
  switch (reason_in_openssl(error)) {
    case 0: return error == asio::error::operation_aborted ? ErrorKind::kCancelled : ErrorKind::kUnavailable;
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
    case SSL_R_SSLV3_ALERT_NO_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA: return ErrorKind::kForbidden;
    default: return ErrorKind::kInvalidInput;
  }
}

/// Whoever speaks plain HTTP is told so. What else it sends is read, or the close would take the answer from it.
Awaitable<void> answer_plain_http(std::shared_ptr<Handshake> handshake, Nanoseconds deadline) {
  auto& socket = handshake->stream.next_layer();
  handshake->done = false;
  handshake->bound(std::min(deadline, steady_now() + kTellPatience));
  auto [error, written] = co_await asio::async_write(socket, asio::buffer(kPlainHttpAnswer), kAsTuple);
  boost::system::error_code ignored;
  socket.shutdown(asio::socket_base::shutdown_send, ignored);
  std::array<char, 4096> discarded{};
  for (std::size_t total = 0; !error && total < kDiscardedMax;) {
    const auto [failed, size] = co_await socket.async_read_some(asio::buffer(discarded), kAsTuple);
    error = failed;
    total += size;
  }
  handshake->done = true;
  handshake->timer.cancel();
}

}  // namespace

std::string_view label(HandshakeFailure reason) noexcept {
  constexpr std::array<std::string_view, kHandshakeFailures> kLabels{"timeout", "certificate", "protocol", "closed",
                                                                     "limit"};
  return kLabels[static_cast<std::size_t>(reason)];
}

TlsIdentity::TlsIdentity(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsIdentity::~TlsIdentity() = default;

Result<std::shared_ptr<TlsIdentity>> TlsIdentity::load(TlsFiles files) {
  auto impl = std::make_unique<Impl>();
  TRY(impl->context, make_server_context(files));
  impl->files = std::move(files);
  return std::shared_ptr<TlsIdentity>(new TlsIdentity(std::move(impl)));
}

Status TlsIdentity::reload() {
  TRY(auto context, make_server_context(impl_->files));
  const std::lock_guard lock(impl_->mutex);
  impl_->context = std::move(context);
  return {};
}

Awaitable<Result<std::unique_ptr<Stream>>> accept_tls(asio::ip::tcp::socket socket,
                                                      std::shared_ptr<TlsIdentity> identity, HttpVersion offers,
                                                      Nanoseconds deadline, Cancellation& cancellation) {
  boost::system::error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  std::string peer = peer_name(socket);
  const auto context = identity->impl().current();
  const auto handshake = std::make_shared<Handshake>(std::move(socket), *context);
  const auto protocols = protocols_of(offers);
  SSL_set_app_data(handshake->stream.native_handle(), const_cast<std::string_view*>(&protocols));
  const auto id = cancellation.add([&] { handshake->close(); });
  const auto error = co_await shake_hands(handshake, ssl::stream_base::server, deadline);
  const bool timed_out = handshake->timed_out;
  if (reason_in_openssl(error) == SSL_R_HTTP_REQUEST) co_await answer_plain_http(handshake, deadline);
  cancellation.remove(id);
  SSL_set_app_data(handshake->stream.native_handle(), nullptr);
  if (timed_out) co_return fail(ErrorKind::kTimeout, "{}: the TLS handshake took too long", peer);
  if (!error) co_return finished(*handshake, std::move(peer));
  const std::string problem = verify_problem(handshake->stream.native_handle());
  co_return fail(kind_of(error), "{}: TLS handshake: {}{}{}", peer, error.message(), problem.empty() ? "" : ": ",
                 problem);
}

}  // namespace thalamus::net
