// Stacking with non-negative weights (Breiman 1996, Stacked regressions; van der Laan et al. 2007) on centred
// predictions. The weights are found by `learn`; fitted by name alone, the members named in the options weigh the same.
// Cost: that of the members, then O(members * models).
#include "thalamus/route/blend.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "thalamus/base/text.h"
#include "thalamus/route/table.h"

namespace thalamus::route {
namespace {

constexpr std::string_view kName = "blend";

bool weight_ok(double weight) noexcept { return weight >= 0 && weight <= 100; }

class Blend final : public Router {
 public:
  explicit Blend(BlendParts parts) : parts_(std::move(parts)) {}

  void estimate(const FeatureView& request, Scratch& scratch, std::span<float> quality,
                std::span<float> sd) const noexcept override {
    const std::size_t models = quality.size();
    const std::size_t members = parts_.members.size();
    const std::span<float> all(scratch.member_quality.data(), members * models);
    const std::span<float> member_sd(scratch.member_sd.data(), models);
    std::fill(sd.begin(), sd.end(), 0.0F);
    scratch.words_of = 0;
    scratch.keep_words = true;
    for (std::size_t k = 0; k < members; ++k) {
      const BlendMember& member = parts_.members[k];
      FeatureView view{request.description, request.dense.subspan(member.dense_begin, member.dense_size), {}};
      if (member.sparse) view.sparse = request.sparse;
      member.router->estimate(view, scratch, all.subspan(k * models, models), member_sd);
      const auto weight = static_cast<float>(std::max(member.contrast_weight, member.level_weight));
      for (std::size_t m = 0; m < models; ++m) sd[m] += weight * weight * member_sd[m] * member_sd[m];
    }
    scratch.keep_words = false;
    blend_estimates(parts_, all, quality);
    for (float& value : sd) value = std::sqrt(value);
  }

  void prepare(Scratch& scratch) const override {
    const std::size_t models = parts_.contrast.size();
    const std::size_t cells = parts_.members.size() * models;
    if (scratch.member_quality.size() < cells) scratch.member_quality.resize(cells);
    if (scratch.member_sd.size() < models) scratch.member_sd.resize(models);
    for (const BlendMember& member : parts_.members) member.router->prepare(scratch);
  }

  void save(base::ByteWriter& out) const override {
    out.put(static_cast<std::uint32_t>(parts_.members.size()));
    out.put(parts_.level);
    out.put_array(parts_.contrast);
    std::vector<std::uint8_t> pool;
    for (const bool in : parts_.in_pool) pool.push_back(in ? 1 : 0);
    out.put_array(pool);
    out.put(static_cast<std::uint32_t>(parts_.safe_model));
    out.put(parts_.margin);
    for (const BlendMember& member : parts_.members) {
      base::ByteWriter payload;
      member.router->save(payload);
      out.put_string(member.method->name);
      out.put(static_cast<std::uint64_t>(member.dense_begin));
      out.put(static_cast<std::uint64_t>(member.dense_size));
      out.put(member.sparse);
      out.put(member.level_weight);
      out.put(member.contrast_weight);
      out.put_array(std::span<const char>(payload.bytes()));
    }
  }

 private:
  BlendParts parts_;
};

Result<BlendMember> load_member(base::ByteReader& in, const Shape& shape) {
  BlendMember member;
  TRY(const auto name, in.get_string());
  TRY(const auto begin, in.get<std::uint64_t>());
  TRY(const auto size, in.get<std::uint64_t>());
  TRY(const auto sparse, in.get<std::uint8_t>());
  TRY(member.level_weight, in.get<double>());
  TRY(member.contrast_weight, in.get<double>());
  TRY(const auto bytes, in.get<std::uint64_t>());
  TRY(const auto payload, in.get_raw(static_cast<std::size_t>(bytes)));
  TRY(member.method, require_method(name));
  if (name == kName) return fail(ErrorKind::kCorrupt, "blend: a blend cannot be a member");
  if (begin > shape.dense_size || size > shape.dense_size - begin)
    return fail(ErrorKind::kCorrupt, "blend: member {} reads beyond the features", name);
  member.dense_begin = static_cast<std::size_t>(begin);
  member.dense_size = static_cast<std::size_t>(size);
  member.sparse = sparse != 0;
  base::ByteReader reader(payload);
  const Shape own{shape.models, member.dense_size, member.sparse ? shape.sparse_size : 0};
  TRY(member.router, member.method->load(reader, own));
  if (reader.remaining() != 0)
    return fail(ErrorKind::kCorrupt, "blend: {} bytes too many in member {}", reader.remaining(), name);
  return member;
}

Result<std::unique_ptr<Router>> load_blend(base::ByteReader& in, const Shape& shape) {
  BlendParts parts;
  TRY(const auto count, in.get<std::uint32_t>());
  if (count < 1 || count > kBlendMembersMax)
    return fail(ErrorKind::kCorrupt, "blend: {} members; 1 to {} are possible", count, kBlendMembersMax);
  TRY(parts.level, in.get<double>());
  TRY(parts.contrast, in.get_array<double>());
  TRY(const auto pool, in.get_array<std::uint8_t>());
  for (const std::uint8_t byte : pool) parts.in_pool.push_back(byte != 0);
  TRY(const auto safe, in.get<std::uint32_t>());
  TRY(parts.margin, in.get<double>());
  parts.safe_model = safe;
  for (std::uint32_t k = 0; k < count; ++k) {
    TRY(auto member, load_member(in, shape));
    parts.members.push_back(std::move(member));
  }
  if (const auto sound = parts.check(shape); !sound) return fail(ErrorKind::kCorrupt, "{}", sound.error().message);
  return std::make_unique<Blend>(std::move(parts));
}

struct BlendOptions {
  std::string members = "task_posterior+token_ridge";
  template <class Visitor>
  void fields(Visitor& visit) {
    visit("members", members, base::Choices{}, "value estimators that weigh the same, apart by +");
  }
};

Result<std::unique_ptr<Router>> fit_blend(const TrainingSet& data, const base::OptionMap& values, base::Rng& rng) {
  TRY(const auto options, base::parse_options<BlendOptions>(values));
  const ModelMeans means = model_means(data);
  BlendParts parts;
  parts.level = 0;
  for (const double mean : means.mean) parts.level += mean / static_cast<double>(means.mean.size());
  for (const double mean : means.mean) parts.contrast.push_back(mean - parts.level);
  parts.in_pool.assign(means.mean.size(), true);
  parts.safe_model =
      static_cast<std::size_t>(std::max_element(means.mean.begin(), means.mean.end()) - means.mean.begin());
  for (const std::string_view name : base::split(options.members, '+')) {
    TRY(const auto* method, require_method(base::trim(name)));
    if (method->name == kName) return fail(ErrorKind::kInvalidInput, "members: a blend cannot be a member");
    if (method->needs.dense && data.dense_size == 0)
      return fail(ErrorKind::kInvalidInput, "members: {} needs a dense feature; add signals or hash", method->name);
    base::Rng member_rng = rng.fork(method->name);
    TRY(auto router, method->fit(data, {}, member_rng));
    parts.members.push_back({method, std::move(router), 0, data.dense_size, data.sparse.columns > 0, 0, 0});
  }
  for (BlendMember& member : parts.members)
    member.level_weight = member.contrast_weight = 1.0 / static_cast<double>(parts.members.size());
  return make_blend(std::move(parts), {data.models.size(), data.dense_size, data.sparse.columns});
}

}  // namespace

Status BlendParts::check(const Shape& shape) const {
  const auto bad = [](std::string_view what) { return fail(ErrorKind::kInvalidInput, "blend: {}", what); };
  if (members.empty() || members.size() > kBlendMembersMax) return bad("the number of members is out of bounds");
  if (contrast.size() != shape.models || in_pool.size() != shape.models || safe_model >= shape.models)
    return bad("the sizes do not fit the number of models");
  if (!std::all_of(contrast.begin(), contrast.end(), [](double c) { return std::abs(c) <= 1; }) ||
      !(level >= 0 && level <= 1) || !(margin >= 0 && margin <= 1))
    return bad("a mean or the margin is out of bounds");
  for (const BlendMember& member : members) {
    if (member.router->output() != Output::kQuality) return bad("a member is a policy, not a value estimator");
    if (!weight_ok(member.level_weight) || !weight_ok(member.contrast_weight)) return bad("a weight is out of bounds");
    if (member.dense_begin + member.dense_size > shape.dense_size) return bad("a member reads beyond the features");
  }
  return {};
}

Result<std::unique_ptr<Router>> make_blend(BlendParts parts, const Shape& shape) {
  CHECK_OK(parts.check(shape));
  return std::make_unique<Blend>(std::move(parts));
}

void blend_estimates(const BlendParts& parts, std::span<const float> members, std::span<float> quality) noexcept {
  const std::size_t models = quality.size();
  double level = parts.level;
  std::array<double, kBlendMembersMax> member_level{};
  for (std::size_t k = 0; k < parts.members.size(); ++k) {
    double sum = 0;
    for (std::size_t m = 0; m < models; ++m) sum += static_cast<double>(members[k * models + m]);
    member_level[k] = sum / static_cast<double>(models);
    level += parts.members[k].level_weight * (member_level[k] - parts.level);
  }
  double lowest = INFINITY;
  for (std::size_t m = 0; m < models; ++m) {
    double contrast = parts.contrast[m];
    if (!parts.in_pool[m]) continue;
    for (std::size_t k = 0; k < parts.members.size(); ++k)
      contrast += parts.members[k].contrast_weight *
                  (static_cast<double>(members[k * models + m]) - member_level[k] - parts.contrast[m]);
    lowest = std::min(lowest, level + contrast);
    quality[m] = static_cast<float>(level + contrast);
  }
  for (std::size_t m = 0; m < models; ++m) {
    if (!parts.in_pool[m]) quality[m] = static_cast<float>(std::min(level + parts.contrast[m], lowest));
    if (m != parts.safe_model) quality[m] -= static_cast<float>(parts.margin);
  }
}

MethodRecord blend_method() {
  return {.name = kName,
          .help = "several value estimators with non-negative weights; what auto learns",
          .source = "",
          .latency_class_us = 100,
          .needs = {.dense = false, .either = false, .tokens = true},
          .options = &base::list_options<BlendOptions>,
          .fit = &fit_blend,
          .load = &load_blend};
}

}  // namespace thalamus::route
