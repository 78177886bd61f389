/// Where the default configuration is found, and a private gateway for verbs that ask targets themselves.
#pragma once

#include <filesystem>
#include <memory>

#include "thalamus/base/result.h"
#include "thalamus/gateway/gateway.h"

namespace thalamus::gateway {

/// The first that exists of: `thalamus/config.yaml` under the XDG configuration folder, `configs/default.yaml` of the
/// source tree this executable was built in, `../share/thalamus/configs/default.yaml` beside it. kNotFound names all.
[[nodiscard]] Result<std::filesystem::path> default_config_path();

/// Starts the configuration on free loopback ports without virtual keys and without recording, and waits until its
/// children are up. kUnavailable names the children that are not.
[[nodiscard]] Result<std::unique_ptr<Gateway>> start_for_probe(Config config);

}  // namespace thalamus::gateway
