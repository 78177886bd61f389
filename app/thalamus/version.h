/// What this executable is, for a person who reports a fault.
#pragma once

#include <string>

namespace thalamus::app {

/// The version alone in the first line; then the source's revision when the build was configured (where that was a
/// checkout), compiler, kind of build, and whether the feature `encoder` is in it.
[[nodiscard]] std::string version_text();

}  // namespace thalamus::app
