#include "thalamus/feature/feature_set.h"

#include <algorithm>
#include <atomic>

#include "thalamus/base/hash.h"
#include "thalamus/base/text.h"
#include "thalamus/feature/text_hash.h"

namespace thalamus::feature {
namespace {

std::vector<std::string> known_names() {
  std::vector<std::string> names;
  for (const FeatureRecord& record : features()) names.emplace_back(record.name);
  return names;
}

}  // namespace

Result<FeatureSpec> parse_feature_spec(std::string_view text) {
  const auto colon = text.find(':');
  FeatureSpec spec{std::string(base::trim(text.substr(0, colon))), {}};
  if (find_feature(spec.name) == nullptr) {
    const auto known = known_names();
    return fail(ErrorKind::kNotFound, "unknown feature '{}'{}", spec.name, base::did_you_mean(spec.name, known));
  }
  if (colon != std::string_view::npos) {
    TRY(spec.options, base::parse_option_text(text.substr(colon + 1)));
  }
  return spec;
}

Result<FeatureSet> FeatureSet::fit(const std::vector<FeatureSpec>& specs, const DescriptionSource& source,
                                   const base::Rng& rng) {
  if (specs.size() > kFeaturesMax)
    return fail(ErrorKind::kInvalidInput, "{} features; at most {} are allowed", specs.size(), kFeaturesMax);
  FeatureSet set;
  for (const FeatureSpec& spec : specs) {
    const FeatureRecord* record = find_feature(spec.name);
    if (record == nullptr) {
      const auto known = known_names();
      return fail(ErrorKind::kNotFound, "unknown feature '{}'{}", spec.name, base::did_you_mean(spec.name, known));
    }
    for (const auto& other : set.features_) {
      if (other->name() == spec.name) return fail(ErrorKind::kInvalidInput, "feature '{}' is given twice", spec.name);
      if (record->sparse && other->sparse_size() > 0)
        return fail(ErrorKind::kInvalidInput, "features '{}' and '{}' are both sparse; keep one", other->name(),
                    spec.name);
    }
    base::Rng stream = rng.fork(spec.name);
    TRY(auto feature, record->fit(source, spec.options, stream));
    set.dense_size_ += feature->dense_size();
    set.features_.push_back(std::move(feature));
  }
  return set;
}

void FeatureSet::save(base::ByteWriter& out) const {
  out.put(static_cast<std::uint32_t>(features_.size()));
  for (const auto& feature : features_) {
    base::ByteWriter payload;
    feature->save(payload);
    out.put_string(feature->name());
    out.put(find_feature(feature->name())->schema_hash);
    out.put(base::hash64(payload.bytes()));
    out.put_array(std::span<const char>(payload.bytes()));
  }
}

Result<FeatureSet> FeatureSet::load(base::ByteReader& in) {
  TRY(const auto count, in.get<std::uint32_t>());
  if (count > kFeaturesMax)
    return fail(ErrorKind::kCorrupt, "{} features; at most {} are allowed", count, kFeaturesMax);
  FeatureSet set;
  for (std::uint32_t i = 0; i < count; ++i) {
    TRY(const auto name, in.get_string());
    TRY(const auto schema, in.get<std::uint64_t>());
    TRY(const auto content, in.get<std::uint64_t>());
    TRY(const auto size, in.get<std::uint64_t>());
    TRY(const auto payload, in.get_raw(static_cast<std::size_t>(size)));
    const FeatureRecord* record = find_feature(name);
    if (record == nullptr)
      return fail(ErrorKind::kUnsupported, "feature '{}' is not known to this version; train the snapshot anew", name);
    if (record->schema_hash != schema)
      return fail(ErrorKind::kUnsupported,
                  "feature '{}' has schema {:016x} here and {:016x} in the snapshot; train the snapshot anew", name,
                  record->schema_hash, schema);
    if (base::hash64(payload) != content)
      return fail(ErrorKind::kCorrupt, "feature '{}': content and its hash differ", name);
    base::ByteReader reader(payload);
    TRY(auto feature, record->load(reader));
    if (reader.remaining() != 0)
      return fail(ErrorKind::kCorrupt, "feature '{}': {} bytes too many", name, reader.remaining());
    set.dense_size_ += feature->dense_size();
    if (set.dense_size_ > kDenseSizeMax)
      return fail(ErrorKind::kCorrupt, "features: more than {} dense numbers", kDenseSizeMax);
    for (const auto& other : set.features_)
      if (other->name() == feature->name() || (other->sparse_size() > 0 && record->sparse))
        return fail(ErrorKind::kCorrupt, "features: '{}' cannot stand beside '{}'", name, other->name());
    set.features_.push_back(std::move(feature));
  }
  return set;
}

void FeatureSet::transform(const Description& description, std::span<float> dense,
                           SparseVector& sparse) const noexcept {
  sparse.clear();
  std::size_t offset = 0;
  for (const auto& feature : features_) {
    const std::size_t size = feature->dense_size();
    if (offset + size > dense.size()) return;
    feature->transform(description, dense.subspan(offset, size));
    offset += size;
    if (feature->sparse_size() > 0) feature->transform_sparse(description, sparse);
  }
}

bool FeatureSet::ready(const Description& description) const noexcept {
  return std::all_of(features_.begin(), features_.end(),
                     [&](const auto& feature) { return feature->ready(description); });
}

bool FeatureSet::request(const Description& description, std::function<void()> done) const {
  // One part is this call's own, so that `done` cannot come before the last feature was asked.
  const auto parts = std::make_shared<std::atomic<std::size_t>>(1);
  const auto shared = std::make_shared<std::function<void()>>(std::move(done));
  const auto part_done = [parts, shared] {
    if (parts->fetch_sub(1) == 1) (*shared)();
  };
  bool asked = false;
  for (const auto& feature : features_) {
    if (feature->ready(description)) continue;
    parts->fetch_add(1);
    if (feature->request(description, std::function<void()>(part_done))) {
      asked = true;
    } else {
      parts->fetch_sub(1);
    }
  }
  if (asked) part_done();
  return asked;
}

Reads FeatureSet::reads() const noexcept {
  Reads reads;
  for (const auto& feature : features_) reads = reads | find_feature(feature->name())->reads;
  return reads;
}

std::size_t FeatureSet::sparse_size() const noexcept {
  std::size_t size = 0;
  for (const auto& feature : features_) size += feature->sparse_size();
  return size;
}

FeatureSet::Block FeatureSet::block(std::string_view name) const noexcept {
  std::size_t offset = 0;
  for (const auto& feature : features_) {
    if (feature->name() == name) return {offset, feature->dense_size()};
    offset += feature->dense_size();
  }
  return {};
}

std::vector<std::string> FeatureSet::names() const {
  std::vector<std::string> names;
  names.reserve(features_.size());
  for (const auto& feature : features_) names.emplace_back(feature->name());
  return names;
}

std::uint64_t FeatureSet::schema_hash() const noexcept {
  std::uint64_t hash = kTokenSchema;  // methods without a feature read tokens, too
  for (const auto& feature : features_) {
    const FeatureRecord* record = find_feature(feature->name());
    hash = base::mix64(hash ^ record->schema_hash ^ feature->dense_size());
  }
  return hash;
}

}  // namespace thalamus::feature
