/// Any bytes: a configuration, or an error that names the file. The environment is a small fixed one.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>

#include "thalamus/gateway/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace thalamus::gateway;
  const auto environment = [](const std::string& name) -> std::optional<std::string> {
    if (name == "KEY") return "canary-of-the-fuzzer";
    return std::nullopt;
  };
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const bool says_it_itself = text.find("canary-of-the-fuzzer") != std::string_view::npos;
  const auto config = parse_config(text, "fuzz.yaml", environment);
  if (!config) {
    const std::string message = config.error().text();
    if (!message.starts_with("fuzz.yaml")) std::abort();
    if (!says_it_itself && message.find("canary-of-the-fuzzer") != std::string::npos) std::abort();
    return 0;
  }
  (void)describe(*config);
  return 0;
}
