/// What a route is decided with: fitted features, one method, the heads for output tokens, seconds and cost, and the
/// calibration, as one immutable object and one file. Layout: magic, format version, length, sections, CRC-32C.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/base/fields.h"
#include "thalamus/base/result.h"
#include "thalamus/core/estimate.h"
#include "thalamus/core/target.h"
#include "thalamus/feature/description.h"
#include "thalamus/route/router.h"

namespace thalamus::route {

inline constexpr std::uint16_t kSnapshotMajor = 1;
inline constexpr std::uint16_t kSnapshotMinor = 0;
inline constexpr std::uint64_t kSnapshotBytesMax = 4ULL << 30;

/// One model of the table a snapshot was learned from.
struct SnapshotModel {
  std::string name;
  double quality_mean = 0;  ///< of its recorded cells
  std::uint64_t cells = 0;  ///< recorded
  bool has_tokens = false;  ///< output tokens were recorded
  bool has_seconds = false;
  bool has_cost = false;  ///< cost was recorded
};

struct SnapshotHeader {
  std::string method;
  base::OptionMap options;
  std::vector<std::string> features;  ///< names, in order
  std::vector<SnapshotModel> models;
  std::uint64_t feature_schema = 0;
  std::uint64_t training_data_hash = 0;
  std::uint64_t training_rows = 0;
  std::uint64_t seed = 0;
  std::string calibration;       ///< "none", "logistic" or "isotonic"
  double calibration_error = 0;  ///< expected calibration error on held-out folds; 0 where not measured
};

/// The columns of a route's targets in a snapshot. Made once per configuration and snapshot.
struct TargetMap {
  static constexpr std::int32_t kUnseen = -1;
  std::vector<std::int32_t> column;  ///< of each target; kUnseen gets the prior with a wide deviation
  std::vector<std::string> unseen;   ///< names of model targets without a column, for a warning
  std::vector<std::string> unused;   ///< models of the snapshot that are no target
  bool recorded_cost = false;        ///< costs as recorded in the table rather than from the targets' prices
};

class Snapshot {
 public:
  struct Parts;  ///< what a snapshot is built from; see snapshot_parts.h

  /// kCorrupt names what is wrong: foreign, truncated, flipped; kUnsupported for a newer major version.
  [[nodiscard]] static Result<std::shared_ptr<const Snapshot>> load(std::string_view bytes);
  [[nodiscard]] static Result<std::shared_ptr<const Snapshot>> load_file(const std::filesystem::path& path);
  [[nodiscard]] static Result<std::shared_ptr<const Snapshot>> build(Parts parts);
  ~Snapshot();
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  /// Same content, same bytes.
  [[nodiscard]] std::string bytes() const;
  [[nodiscard]] const SnapshotHeader& header() const noexcept;
  [[nodiscard]] std::uint64_t content_hash() const noexcept;

  /// What `estimate` reads of a description beyond what is always filled.
  [[nodiscard]] feature::Reads reads() const noexcept { return reads_; }

  /// False where `estimate` would wait for a slow feature, or let it stand in: `request` it first.
  [[nodiscard]] bool ready(const feature::Description& description) const noexcept;
  /// Lets the slow features compute in the background what `estimate` needs; `done` is called once, on another thread.
  /// False, and `done` is dropped, where nothing was asked.
  [[nodiscard]] bool request(const feature::Description& description, std::function<void()> done) const;

  /// Matches targets to the table's models by name.
  [[nodiscard]] TargetMap map_targets(std::span<const core::Target> targets) const;
  /// The snapshot's own models as targets (name only, no prices), to be used with `map_own`: costs as recorded.
  [[nodiscard]] std::vector<core::Target> own_targets() const;
  [[nodiscard]] TargetMap map_own() const;

  /// Grows the scratch so that `estimate` allocates nothing. `estimate` does it itself on a scratch that is too small.
  void prepare(Scratch& scratch) const;
  /// One row per target; rows of tools are zero. Prices apply as the targets state them now.
  void estimate(const feature::Description& description, const TargetMap& map, std::span<const core::Target> targets,
                Scratch& scratch, core::Estimates& out) const noexcept;
  /// The feature vector that the last `estimate` computed in this scratch, for the decision record.
  [[nodiscard]] std::span<const float> features(const Scratch& scratch) const noexcept;

 private:
  explicit Snapshot(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
  std::uint64_t content_hash_ = 0;
  feature::Reads reads_;
};

}  // namespace thalamus::route
