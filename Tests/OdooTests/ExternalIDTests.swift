import Testing

@testable import Odoo

@Suite struct ExternalIDTests {
    /// Goal: no two order keys share an external id.
    ///
    /// Method: random pairs over the characters that could collide.
    @Test func differentKeysHaveDifferentIdentities() {
        let alphabet = Array("ab_-./ _l1%é2f")
        var random = SystemRandomNumberGenerator()
        var seen: [String: [String]] = [:]
        for _ in 0..<20_000 {
            let words = (0..<2).map { _ in
                String((0..<Int.random(in: 1...4, using: &random)).map { _ in alphabet.randomElement() ?? "a" })
            }
            let identity = ExternalID.order(legalEntity: words[0], orderRef: words[1])
            if let before = seen[identity] { #expect(before == words, "\(identity)") }
            seen[identity] = words
        }
    }

    @Test func anOrderWithALinesSuffixIsNotALine() {
        let order = ExternalID.order(legalEntity: "A", orderRef: "1")
        #expect(ExternalID.line(of: order, number: 1) != ExternalID.order(legalEntity: "A", orderRef: "1_l1"))
    }

    @Test func onlyTheNamespaceEndsWithADotAndNothingIsASpace() {
        let identity = ExternalID.order(legalEntity: "ACME DE.eu", orderRef: "amazon-eu/302-88 12.5")
        #expect(identity == "sluice.order_ACME_20DE_2eeu__amazon-eu_2f302-88_2012_2e5")
    }

    @Test func theLongestKeyFitsIntoTheIndex() {
        let long = String(repeating: "/", count: 128)
        let identity = ExternalID.line(of: ExternalID.order(legalEntity: long, orderRef: long), number: 9999)
        #expect(identity.utf8.count < 1000)
    }

    @Test func theCacheForgetsTheOldestAndKeepsItsBound() {
        var cache = ReferenceCache(bound: 3)
        for number in 1...5 { cache.remember("r\(number)", number) }
        #expect(cache.count == 3)
        #expect(cache["r2"] == nil && cache["r3"] == 3 && cache["r5"] == 5)
        cache.remember("r3", 33)
        #expect(cache.count == 3 && cache["r3"] == 33)
        cache.forgetAll()
        #expect(cache.count == 0 && cache["r5"] == nil)
    }

    @Test func aLoadThatBlamesAnotherRecordLeavesThisOneInnocent() {
        let text: OdooValue = "company mismatch"
        let messages: [OdooValue] = [["record": 0, "message": text], ["record": 4, "message": text]]
        #expect(OdooFailure.of(messages: messages, record: 0, operation: "sale.order/load") == nil)
        #expect(OdooFailure.of(messages: messages, record: 4, operation: "sale.order/load")?.kind == .refused)
        let conflict: [OdooValue] = [["record": 0, "message": "could not serialize access due to concurrent update\n"]]
        #expect(OdooFailure.of(messages: conflict, record: 0, operation: "sale.order/load")?.kind == .retry)
    }
}
