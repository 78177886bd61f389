#include "thalamus/gateway/tls_files.h"

#include <fmt/format.h>

#include <map>
#include <utility>

#include "thalamus/base/file.h"
#include "thalamus/base/hash.h"
#include "thalamus/gateway/config_sections.h"
#include "thalamus/net/stream_tcp.h"

namespace thalamus::gateway {
namespace {

constexpr std::uint64_t kPemBytesMax = 64U << 20;

std::uint64_t digest_of(const std::filesystem::path& file) {
  if (file.empty()) return 0;
  const auto bytes = base::read_file(file, kPemBytesMax);
  return bytes ? base::hash64(*bytes) : 0;
}

/// The pair first, so that what fails afterwards is the clients' authorities.
void check_listener(Reader& reader, const TlsSettings& settings, const ConfigMarks& marks) {
  if (settings.certificate.empty() || settings.key.empty()) return;
  net::TlsFiles files = tls_files(settings);
  const std::string client_ca = std::exchange(files.client_ca_file, {});
  if (const auto pair = net::TlsIdentity::load(files); !pair) {
    // The message names the file that is wrong; of two that are no pair, the key is the one to look at.
    const std::string& message = pair.error().message;
    const bool names_key = message.find(fmt::format("'{}'", files.key_file)) != std::string::npos;
    if (names_key && files.key_file != files.certificate_file) {
      reader.error(marks.tls_key, "tls.key: " + message);
    } else {
      reader.error(marks.tls_certificate, "tls.certificate: " + message);
    }
    return;
  }
  if (client_ca.empty()) return;
  files.client_ca_file = client_ca;
  if (const auto whole = net::TlsIdentity::load(files); !whole)
    reader.error(marks.tls_client_ca, "tls.client_ca: " + whole.error().message);
}

}  // namespace

net::TlsFiles tls_files(const TlsSettings& settings) {
  return {settings.certificate.string(), settings.key.string(), settings.client_ca.string()};
}

TlsContents read_tls_contents(const TlsSettings& settings) {
  return {digest_of(settings.certificate), digest_of(settings.key), digest_of(settings.client_ca)};
}

std::vector<std::string> tls_changes(const TlsContents& before, const TlsContents& now) {
  std::vector<std::string> lines;
  const auto compare = [&](std::string_view field, std::uint64_t old, std::uint64_t next) {
    if (old != next) lines.push_back(fmt::format("+ tls.{}: the file holds something else and was read anew", field));
  };
  compare("certificate", before.certificate, now.certificate);
  compare("key", before.key, now.key);
  compare("client_ca", before.client_ca, now.client_ca);
  return lines;
}

void check_tls_files(Reader& reader, const Config& config, const ConfigMarks& marks) {
  if (config.tls) check_listener(reader, *config.tls, marks);
  std::map<std::string, std::string> faults;  // by file: loading costs milliseconds, and providers share authorities
  for (std::size_t i = 0; i < config.providers.size(); ++i) {
    const Provider& provider = config.providers[i];
    const std::string file = provider.ca_file.string();
    if (file.empty()) continue;
    const auto [fault, is_new] = faults.try_emplace(file);
    if (is_new) {
      if (const auto trust = net::TlsTrust::load({file}); !trust) fault->second = trust.error().message;
    }
    if (!fault->second.empty())
      reader.error(marks.ca_files[i], fmt::format("providers.{}.ca_file: {}", provider.name, fault->second));
  }
}

}  // namespace thalamus::gateway
