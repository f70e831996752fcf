// The rules of delivery, on histories made up to break them.
#include "tests/support/oracle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace moult::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Writes a ledger as handlers do. Times are whole numbers, of no unit.
class OracleTest : public ::testing::Test {
 protected:
  void begin(const LaneKey& lane, std::int64_t at, std::uint64_t instance = 1) {
    add(Event::kBegin, lane, 0, at, at, instance);
  }
  void end(const LaneKey& lane, std::int64_t from, std::int64_t to, std::uint64_t instance = 1) {
    add(Event::kEnd, lane, 0, from, to, instance);
  }
  void record(const LaneKey& lane, Offset offset, std::int64_t at, std::uint64_t instance = 1) {
    produced_.emplace(RecordId{lane.partition, offset}, 0);
    add(Event::kRecord, lane, offset, at, at, instance);
  }
  void revoked(const LaneKey& lane, std::int64_t at, std::uint64_t instance = 1) {
    add(Event::kRevoked, lane, -1, at, at, instance);
  }
  void happens(Event event, const LaneKey& lane) { add(event, lane, -1, 0, 0, 1); }

  static LaneKey lane(pid_t pid, const std::string& tag = "-", std::int32_t partition = 0) {
    return {pid, tag, {"t", partition}, 1, 0};
  }

  Problems all() const { return violations(produced_, entries_, {}); }
  Problems all_with_rollbacks() const { return violations_with_rollbacks(produced_, entries_, {}); }

  Produced produced_;
  Entries entries_;

 private:
  void add(Event event, const LaneKey& lane, Offset offset, std::int64_t from, std::int64_t to,
           std::uint64_t instance) {
    Entry& entry = entries_.emplace_back();
    entry.event = event;
    entry.lane = lane;
    entry.offset = offset;
    entry.start_ns = from;
    entry.end_ns = to;
    entry.instance = instance;
  }
};

TEST_F(OracleTest, BatchesOneBehindTheOtherDoNotOverlap) {
  begin(lane(1), 10);
  end(lane(1), 10, 20);
  begin(lane(1), 20);
  end(lane(1), 20, 30);
  begin(lane(2), 30);
  end(lane(2), 30, 40);
  EXPECT_THAT(all(), IsEmpty());
}

TEST_F(OracleTest, TwoBatchesOfOneLaneOverlapWhicheverEndsFirst) {
  begin(lane(1), 10);
  begin(lane(1), 11);
  end(lane(1), 10, 13);
  end(lane(1), 11, 14);
  EXPECT_THAT(overlapping(entries_), SizeIs(1));
  EXPECT_THAT(all(), SizeIs(1));
}

TEST_F(OracleTest, ALongBatchOverlapsAllThatBeganWithinIt) {
  begin(lane(1), 10);
  for (const std::int64_t from : {11, 13, 15}) {
    begin(lane(1), from);
    end(lane(1), from, from + 1);
  }
  end(lane(1), 10, 20);
  EXPECT_THAT(overlapping(entries_), SizeIs(3));
}

TEST_F(OracleTest, ABatchThatNeverEndsLastsAsLongAsItsProcess) {
  begin(lane(1), 10);
  begin(lane(1, "-", 1), 12);
  end(lane(1, "-", 1), 12, 20);  // the last that is known of the process
  begin(lane(2), 20);
  end(lane(2), 20, 30);
  EXPECT_THAT(overlapping(entries_), IsEmpty());
  begin(lane(3), 19);
  end(lane(3), 19, 20);
  EXPECT_THAT(overlapping(entries_), SizeIs(1));
}

TEST_F(OracleTest, GenerationsOfAPartitionDoNotOverlapEither) {
  begin(lane(1, "1"), 10);
  begin(lane(1, "2"), 15);
  end(lane(1, "2"), 15, 16);
  end(lane(1, "1"), 10, 20);
  EXPECT_THAT(overlapping(entries_), SizeIs(1));
}

TEST_F(OracleTest, OrderHoldsFromOneGenerationToTheNext) {
  record(lane(1, "1"), 0, 10);
  record(lane(1, "1"), 2, 11);
  record(lane(1, "2"), 1, 12, 2);
  EXPECT_THAT(out_of_order(entries_), IsEmpty());
  EXPECT_THAT(all(), SizeIs(1));
  EXPECT_THAT(all_with_rollbacks(), SizeIs(1));
}

TEST_F(OracleTest, NorWasOneThatIsLoadedAgainAndCountsFromOneAgain) {
  happens(Event::kCreate, lane(1, "1"));
  revoked(lane(1, "1"), 12);
  happens(Event::kCreate, lane(1, "1"));
  begin(lane(1, "1"), 20);
  end(lane(1, "1"), 20, 21);
  EXPECT_THAT(all_with_rollbacks(), IsEmpty());
}

TEST_F(OracleTest, AGenerationThatComesBackWasNotRevokedTooEarly) {
  begin(lane(1, "1"), 10);
  end(lane(1, "1"), 10, 11);
  revoked(lane(1, "1"), 12);
  begin(lane(1, "1"), 20, 3);
  end(lane(1, "1"), 20, 21, 3);
  EXPECT_THAT(all(), SizeIs(1));
  EXPECT_THAT(all_with_rollbacks(), IsEmpty());
  end(lane(1, "1"), 12, 13, 1);
  EXPECT_THAT(all_with_rollbacks(), SizeIs(1)) << "the same instance";
}

TEST_F(OracleTest, AnInstanceThatIsAssignedIsRevokedAndEachIsDestroyed) {
  happens(Event::kCreate, lane(1));
  happens(Event::kDestroy, lane(1));
  EXPECT_THAT(unpaired(entries_, {1}), IsEmpty()) << "it never had its lane";
  happens(Event::kCreate, lane(2));
  happens(Event::kAssigned, lane(2));
  EXPECT_THAT(unpaired(entries_, {2}), SizeIs(1));
  happens(Event::kDestroy, lane(2));
  EXPECT_THAT(unpaired(entries_, {2}), SizeIs(1)) << "it was never revoked";
  happens(Event::kRevoked, lane(2));
  EXPECT_THAT(unpaired(entries_, {2}), IsEmpty());
  happens(Event::kRevoked, lane(2));
  EXPECT_THAT(unpaired(entries_, {2}), SizeIs(1));
  EXPECT_THAT(unpaired(entries_, {1}), IsEmpty());
}

TEST_F(OracleTest, ASlotIsALaneOfItsOwn) {
  begin(lane(1), 10, 1);
  begin(lane(1), 11, 2);
  end(lane(1), 11, 12, 2);
  end(lane(1), 10, 13, 1);
  EXPECT_THAT(violations_unordered(produced_, entries_, {}), IsEmpty());
  begin(lane(1), 12, 1);
  end(lane(1), 12, 13, 1);
  EXPECT_THAT(slots_overlapping(entries_), SizeIs(1));
  EXPECT_THAT(violations_unordered(produced_, entries_, {}), SizeIs(1));
}

TEST_F(OracleTest, ASlotIsInOrder) {
  record(lane(1), 4, 10, 1);
  record(lane(1), 3, 11, 2);
  EXPECT_THAT(violations_unordered(produced_, entries_, {}), IsEmpty());
  record(lane(1), 2, 12, 1);
  EXPECT_THAT(violations_unordered(produced_, entries_, {}), SizeIs(1));
}

}  // namespace
}  // namespace moult::testing
