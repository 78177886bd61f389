/// The network of a sentence encoder: piece ids in, one vector a text out. One implementation runs on ONNX Runtime; it
/// is the only code that knows of that library.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "thalamus/base/result.h"

namespace thalamus::feature {

class SentenceModel {
 public:
  virtual ~SentenceModel() = default;
  [[nodiscard]] virtual std::size_t dims() const noexcept = 0;
  /// Fills `out` (texts x dims) with the mean of each text's last hidden states, at unit length. Thread-safe; a text's
  /// vector depends on the text, not on what else is in the batch (up to rounding of the library).
  [[nodiscard]] virtual Status embed(std::span<const std::vector<std::uint32_t>> texts, std::span<float> out) const = 0;
};

/// Why no model can be opened in this build; empty where it can.
[[nodiscard]] std::string_view onnx_missing() noexcept;

/// Loads the ONNX Runtime library (`runtime`: its path, empty: where tools/setup.sh puts it, then the loader's own
/// search) and a model given as bytes. kUnsupported where this build has none, kEnvironment where the library cannot be
/// loaded; both name the remedy. kCorrupt where the model is not a sentence encoder.
[[nodiscard]] Result<std::unique_ptr<SentenceModel>> open_onnx_model(std::string_view model,
                                                                     const std::filesystem::path& runtime);

}  // namespace thalamus::feature
