/// The interface of every request-level routing method, and its registry. A method fills one column per model of the
/// table it was fitted on: the probability of a good answer, or (direct policies) a preference.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/bytes.h"
#include "thalamus/base/fields.h"
#include "thalamus/base/result.h"
#include "thalamus/base/rng.h"
#include "thalamus/feature/feature.h"
#include "thalamus/route/training_set.h"

namespace thalamus::route {

/// One request as a router sees it. Borrowed for the call.
struct FeatureView {
  const feature::Description* description = nullptr;
  std::span<const float> dense;
  feature::SparseView sparse;
};

/// Working memory of one core. `reserve` before use makes estimating allocation-free; see Snapshot::prepare.
struct Scratch {
  std::vector<float> dense;
  feature::SparseVector sparse;
  std::vector<double> scores;          ///< one per stored row, for neighbour searches
  std::vector<std::uint32_t> indices;  ///< rows touched
  std::vector<std::uint64_t> marks;    ///< a bit set, all zero between calls
  std::vector<float> quality;
  std::vector<float> quality_sd;
  std::vector<float> member_quality;  ///< members x models of a blend
  std::vector<float> member_sd;
  std::vector<float> head_logs;      ///< heads x models
  std::vector<double> sums;          ///< at least kScratchSums
  std::vector<float> work;           ///< layers of small nets; grown by `prepare`, never made smaller
  std::vector<std::uint32_t> words;  ///< of the request, in the vocabulary `words_of`
  std::vector<float> word_values;    ///< one per word
  std::uint64_t words_of = 0;        ///< content hash of a vocabulary while `keep_words`
  bool keep_words = false;           ///< set by a router that asks several members about one request
  std::uint64_t prepared_for = 0;    ///< content hash of the snapshot that last grew this scratch
};
inline constexpr std::size_t kScratchSums = 8192;

enum class Output : std::uint8_t { kQuality, kPreference };

/// Immutable once fitted or loaded; all calls are thread-safe with one Scratch per thread.
class Router {
 public:
  virtual ~Router() = default;
  /// Fills `quality` (a preference where output() says so) and `quality_sd`, one per model of the table, always finite.
  /// Same input, same bits. Allocates nothing once `scratch` is prepared.
  virtual void estimate(const FeatureView& request, Scratch& scratch, std::span<float> quality,
                        std::span<float> quality_sd) const noexcept = 0;
  virtual void save(base::ByteWriter& out) const = 0;
  /// Grows the scratch to what estimate needs.
  virtual void prepare(Scratch& scratch) const { static_cast<void>(scratch); }
  [[nodiscard]] virtual Output output() const noexcept { return Output::kQuality; }
};

/// What a method reads of a request and of the training set.
struct Needs {
  bool dense = false;      ///< a dense feature; without one the method cannot be fitted
  bool either = false;     ///< a dense or a sparse feature
  bool tokens = false;     ///< word tokens
  bool documents = false;  ///< word tokens of the question and of what precedes it, apart
};

/// Sizes that a loaded router must agree with.
struct Shape {
  std::size_t models = 0;
  std::size_t dense_size = 0;
  std::size_t sparse_size = 0;
};

/// One row of methods.def.
struct MethodRecord {
  std::string_view name;
  std::string_view help;
  std::string_view source;      ///< arXiv id; empty for a baseline of ours
  double latency_class_us = 0;  ///< of one estimate without the features: 1, 10, 100, 1000
  Needs needs;
  std::vector<base::OptionRow> (*options)() = nullptr;
  Result<std::unique_ptr<Router>> (*fit)(const TrainingSet& data, const base::OptionMap& options,
                                         base::Rng& rng) = nullptr;
  Result<std::unique_ptr<Router>> (*load)(base::ByteReader& in, const Shape& shape) = nullptr;
  /// A copy of a router of this method with one more model at the end, told from that model's own scored rows: `data`
  /// has the features that the router was fitted on and one model. The other models' estimates stay as they are.
  /// Null where the method has to be trained anew.
  Result<std::unique_ptr<Router>> (*add_model)(const Router& router, const TrainingSet& data,
                                               const base::OptionMap& options) = nullptr;
  /// A copy without one model; the others' estimates stay as they are. Null where the method has to be trained anew.
  Result<std::unique_ptr<Router>> (*remove_model)(const Router& router, std::size_t model) = nullptr;
};

[[nodiscard]] std::span<const MethodRecord> methods();
[[nodiscard]] const MethodRecord* find_method(std::string_view name);
/// kNotFound that names the nearest method.
[[nodiscard]] Result<const MethodRecord*> require_method(std::string_view name);

}  // namespace thalamus::route
