#include "thalamus/gateway/default_config.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <system_error>
#include <vector>

#include "thalamus/base/file.h"

namespace thalamus::gateway {
namespace {

constexpr Nanoseconds kReadyTimeout = Nanoseconds::from_ms(180'000);

std::vector<std::filesystem::path> candidates() {
  std::vector<std::filesystem::path> paths;
  if (const char* given = std::getenv("XDG_CONFIG_HOME"); given != nullptr && given[0] == '/') {
    paths.push_back(std::filesystem::path(given) / "thalamus/config.yaml");
  } else if (const char* home = std::getenv("HOME"); home != nullptr && home[0] == '/') {
    paths.push_back(std::filesystem::path(home) / ".config/thalamus/config.yaml");
  }
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (!error) {
    const auto folder = self.parent_path();
    paths.push_back(folder.parent_path().parent_path() / "configs/default.yaml");
    paths.push_back(folder.parent_path() / "share/thalamus/configs/default.yaml");
  }
  return paths;
}

}  // namespace

Result<std::filesystem::path> default_config_path() {
  std::string tried;
  for (const auto& path : candidates()) {
    std::error_code error;
    if (std::filesystem::exists(path, error)) return path;
    tried += (tried.empty() ? "" : ", ") + path.string();
  }
  return fail(ErrorKind::kNotFound, "no configuration found (looked for {}); give one with --config FILE", tried);
}

Result<std::unique_ptr<Gateway>> start_for_probe(Config config) {
  config.listen = {"127.0.0.1", 0, true};
  config.admin = {"127.0.0.1", 0, true};
  config.keys.clear();
  config.trace.enabled = false;
  config.threads = 1;
  StartOptions options;
  TRY(auto state, base::state_folder());
  options.state_folder = state / fmt::format("probe-{}", ::getpid());
  TRY(auto gateway, Gateway::start(std::move(config), options));
  if (!gateway->wait_ready(kReadyTimeout)) {
    std::string down;
    for (const auto& child : gateway->children())
      if (child.state != ChildState::kHealthy) down += fmt::format("\n  {}: {}", child.name, child.last_error);
    return fail(ErrorKind::kUnavailable, "these providers are not up:{}", down);
  }
  return gateway;
}

}  // namespace thalamus::gateway
