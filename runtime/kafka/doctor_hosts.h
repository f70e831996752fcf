#pragma once

#include "runtime/kafka/bootstrap.h"
#include "runtime/kafka/doctor.h"

namespace moult::kafka {

using TellStep = std::function<void(const Step&)>;

std::string broker_subject(const BrokerAddress& broker);

/// Name and port of a broker alone, as far as they go: the steps resolve and tcp.
bool reach_host(const BrokerAddress& broker, TimePoint until, const TellStep& tell);

/// All the steps from a broker's name to its first answer; false when one failed.
bool examine_host(const BrokerAddress& broker, const ConsumerCase& about, TimePoint until,
                  const TellStep& tell);

}  // namespace moult::kafka
