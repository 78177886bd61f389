/// OpenAI's embeddings (platform.openai.com/docs/api-reference/embeddings), as server and as client: the one protocol
/// of the field for them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/result.h"
#include "thalamus/core/contract.h"
#include "thalamus/core/outcome.h"
#include "thalamus/wire/format.h"

namespace thalamus::wire {

inline constexpr Endpoints kEmbeddingsEndpoints{"/v1/embeddings", "/embeddings"};
inline constexpr std::size_t kEmbeddingInputsMax = 2048;  ///< of one request, as the protocol has it

/// How an answer spells its vectors.
enum class EmbeddingEncoding : std::uint8_t {
  kFloat,   ///< arrays of numbers
  kBase64,  ///< the bytes of 32-bit floats, lowest byte first
};

struct EmbeddingsRequest {
  std::string model;
  std::vector<std::string> texts;                  ///< what is to be embedded, as texts
  std::vector<std::vector<std::uint32_t>> tokens;  ///< or as tokens of the model's own vocabulary; never both
  EmbeddingEncoding encoding = EmbeddingEncoding::kFloat;
  std::optional<std::uint32_t> dimensions;
  std::string user;
  core::ContractPatch contract;     ///< from the body field `thalamus`
  std::vector<std::string> unread;  ///< members of the body that no field here holds

  [[nodiscard]] std::size_t input_count() const noexcept { return texts.size() + tokens.size(); }
};

struct EmbeddingsAnswer {
  std::string model;
  std::vector<std::vector<float>> vectors;  ///< in the order of the inputs
  core::Usage usage;
};

/// kInvalidInput with `where` = "body.input[2]" on anything mistyped; kTooLarge past a limit.
[[nodiscard]] Result<EmbeddingsRequest> decode_embeddings(std::string_view body, const DecodeLimits& limits);
/// The client's bytes with the upstream's model and without the contract.
[[nodiscard]] Result<std::string> forward_embeddings(std::string_view body, std::string_view model);

/// Vectors in either spelling, in any order. kUpstream on an error, on anything that is no list of vectors, and on
/// numbers that are not finite.
[[nodiscard]] Result<EmbeddingsAnswer> read_embeddings(std::string_view body);
[[nodiscard]] std::string encode_embeddings(const EmbeddingsAnswer& answer, EmbeddingEncoding encoding);

}  // namespace thalamus::wire
