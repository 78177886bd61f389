/// The sections of a configuration, each read by one function. Sections that name others come after them.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "thalamus/gateway/config_reader.h"

namespace thalamus::gateway {

/// Marks of the entries, in the order of the vectors of Config, for the checks that see the whole.
struct ConfigMarks {
  YamlMark listen, admin, tls_certificate, tls_key, tls_client_ca;
  std::vector<YamlMark> providers, ca_files, models, routes, keys;
};

void read_server(Fields& top, Config& config, ConfigMarks& marks);
void read_providers(Fields& top, Config& config, ConfigMarks& marks);
void read_models(Fields& top, Config& config, ConfigMarks& marks);
void read_routes(Fields& top, Config& config, ConfigMarks& marks);
void read_keys(Fields& top, Config& config, ConfigMarks& marks);
void read_tests(Fields& top, Config& config);

/// `contract:` of a route or key. Names of targets and tags are checked.
void read_contract(Fields& owner, const Config& config, core::ContractPatch& contract);
/// `timeouts:`, `concurrency`, `queue` of a provider or model.
void read_target_limits(Fields& owner, dispatch::TargetLimits& limits);

/// What parses but cannot be meant, and what must not be served.
void check_whole(Reader& reader, Config& config, const ConfigMarks& marks);
/// Certificates, keys and authorities that the configuration names are loaded: what cannot be is a fault at its place.
void check_tls_files(Reader& reader, const Config& config, const ConfigMarks& marks);

/// A name people and files can hold: letters, digits and `.`, `_`, `-`, also `/`, `:` and `@` where `slashes`.
enum class Slashes : std::uint8_t { kForbidden, kAllowed };
[[nodiscard]] bool is_name(std::string_view text, Slashes slashes) noexcept;

/// Names in the order of a vector, for "did you mean".
template <class Entry, class Name>
[[nodiscard]] std::vector<std::string> names_of(const std::vector<Entry>& entries, Name&& name) {
  std::vector<std::string> names;
  names.reserve(entries.size());
  for (const Entry& entry : entries) names.push_back(name(entry));
  return names;
}
[[nodiscard]] std::vector<std::string> model_names(const Config& config);
[[nodiscard]] std::vector<std::string> route_names(const Config& config);

}  // namespace thalamus::gateway
