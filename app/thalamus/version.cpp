#include "app/thalamus/version.h"

#include <string_view>

namespace thalamus::app {
namespace {

#ifdef __clang__
constexpr std::string_view kCompiler = "Clang " __clang_version__;
#else
constexpr std::string_view kCompiler = "GCC " __VERSION__;
#endif

std::string_view or_else(std::string_view text, std::string_view absent) { return text.empty() ? absent : text; }

void append_line(std::string& out, std::string_view name, std::string_view value) {
  while (value.ends_with(' ')) value.remove_suffix(1);
  out.append("\n").append(name).append(": ").append(value);
}

}  // namespace

std::string version_text() {
  std::string out = THALAMUS_VERSION;
  append_line(out, "revision", or_else(THALAMUS_REVISION, "unknown"));
  append_line(out, "compiler", kCompiler);
  append_line(out, "build", or_else(THALAMUS_BUILD_TYPE, "no type"));
  if (const std::string_view sanitizers = THALAMUS_SANITIZERS; !sanitizers.empty())
    append_line(out, "sanitizers", sanitizers);
  append_line(out, "feature encoder", or_else(THALAMUS_ENCODER, "off"));
  return out;
}

}  // namespace thalamus::app
