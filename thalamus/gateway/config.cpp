#include "thalamus/gateway/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <ostream>
#include <system_error>

#include "thalamus/base/file.h"
#include "thalamus/gateway/config_sections.h"
#include "thalamus/net/digest.h"

namespace thalamus::gateway {
namespace {

enum class TlsFilesAre : std::uint8_t { kNamed, kLoaded };

Result<Config> parse(std::string_view text, const std::string& name, const EnvLookup& environment,
                     TlsFilesAre tls_files) {
  TRY(const YamlNode tree, parse_yaml(text, name));
  Config config;
  config.path = name;
  ConfigMarks marks;
  Reader reader(name, environment);
  Fields top(reader, tree, "");
  if (!reader.good()) return reader.failure();
  read_server(top, config, marks);
  read_providers(top, config, marks);
  read_models(top, config, marks);
  read_routes(top, config, marks);
  read_keys(top, config, marks);
  read_tests(top, config);
  top.finish();
  // The checks of the whole take every reference for good.
  if (reader.good()) check_whole(reader, config, marks);
  if (tls_files == TlsFilesAre::kLoaded) check_tls_files(reader, config, marks);
  if (!reader.good()) return reader.failure();
  config.warnings = reader.take_warnings();
  return config;
}

}  // namespace

bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned>(static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]));
  return difference == 0;
}

std::ostream& operator<<(std::ostream& out, const Secret& secret) {
  return out << (secret.empty() ? "[no secret]" : "[secret]");
}

std::string ListenAddress::text() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

const Route* Config::find_route(std::string_view name) const noexcept {
  const auto found = std::find_if(routes.begin(), routes.end(), [name](const Route& r) { return r.name == name; });
  return found == routes.end() ? nullptr : &*found;
}

const ModelEntry* Config::find_model(std::string_view name) const noexcept {
  const auto found =
      std::find_if(models.begin(), models.end(), [name](const ModelEntry& m) { return m.target.name == name; });
  return found == models.end() ? nullptr : &*found;
}

const VirtualKey* Config::find_key(std::string_view secret) const {
  const VirtualKey* match = nullptr;
  const std::string* salt = nullptr;  // of the digest at hand
  std::string digest;
  for (const VirtualKey& key : keys) {
    if (salt == nullptr || *salt != key.salt) {
      auto computed = net::sha256(key.salt + std::string(secret));
      if (!computed) return nullptr;
      digest = *std::move(computed);
      salt = &key.salt;
    }
    if (equal_in_constant_time(key.sha256, digest)) match = &key;
  }
  return match;
}

Result<Config> load_config(const std::filesystem::path& path, const EnvLookup& environment) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error))
    return fail_at(path.string(), ErrorKind::kInvalidInput, "is a folder; expected a configuration file");
  TRY(const std::string text, base::read_file(path, kConfigBytesMax));
  return parse(text, path.string(), environment, TlsFilesAre::kLoaded);
}

Result<Config> parse_config(std::string_view text, const std::string& name, const EnvLookup& environment) {
  return parse(text, name, environment, TlsFilesAre::kNamed);
}

Status check_model_file(const ManagedModel& model, VerifyDigest verify_digest) {
  const std::string path = model.file.string();
  std::error_code error;
  const auto status = std::filesystem::status(model.file, error);
  if (!std::filesystem::exists(status))
    return fail_at(path, ErrorKind::kNotFound,
                   "no such model file; fetch the default models with `tools/fetch_models.py`, or give a path");
  if (!std::filesystem::is_regular_file(status))
    return fail_at(path, ErrorKind::kInvalidInput, "is not a file; expected a GGUF model");
  char magic[4] = {};
  std::ifstream file(model.file, std::ios::binary);
  if (!file) return fail_at(path, ErrorKind::kEnvironment, "cannot be read; check its permissions");
  file.read(magic, sizeof magic);
  if (std::string_view(magic, sizeof magic) != "GGUF")
    return fail_at(path, ErrorKind::kCorrupt, "is not a GGUF model (wrong magic)");
  if (verify_digest == VerifyDigest::kNo || model.sha256.empty()) return {};
  TRY(const std::string digest, net::sha256_file(model.file));
  if (digest != model.sha256)
    return fail_at(path, ErrorKind::kCorrupt, "has SHA-256 {}, expected {}; remove the file and fetch it again", digest,
                   model.sha256);
  return {};
}

}  // namespace thalamus::gateway
