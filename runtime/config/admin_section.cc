#include <array>

#include "runtime/config/fields.h"
#include "runtime/config/sections.h"

namespace moult::config {
namespace {

constexpr std::array<std::string_view, 1> kAdminKeys = {"socket"};
constexpr std::string_view kNone = "none";

}  // namespace

AdminConfig read_admin(Reading& reading, const MaybeValue& value) {
  AdminConfig admin;
  if (!value) return admin;
  const MapReader map(reading, *value, "admin", kAdminKeys);
  const MaybeValue socket = map.find("socket");
  // As it stands in the file: a path that interpolation made is a path.
  if (socket && socket->node->kind == YamlNode::Kind::kScalar && socket->node->text == kNone) {
    admin.enabled = false;
    return admin;
  }
  read_path(reading, socket, reading.folder, admin.socket);
  return admin;
}

}  // namespace moult::config
