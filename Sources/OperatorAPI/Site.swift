public import Store

/// What the API answers from: put in place as a whole, and exchanged as a whole by a reload.
public struct Site: Sendable {
    /// Who may ask; nil: whoever reaches the address, which is loopback then.
    public var tokens: Tokens?
    /// The stores, by name.
    public var stores: [StorePool]
    /// Legal entity -> index of its store.
    public var storeOfEntity: [String: Int]
    /// What this process knows of itself.
    public var live: Live
    /// An order as JSON.
    public var orderJSON: @Sendable (OrderView) -> [UInt8]
    /// Names that events wait for, because no order goes by them yet, as JSON.
    public var awaitedJSON: @Sendable ([OrderView.AwaitedName]) -> [UInt8]

    /// See the properties.
    public init(
        tokens: Tokens?, stores: [StorePool], storeOfEntity: [String: Int], live: Live,
        orderJSON: @escaping @Sendable (OrderView) -> [UInt8],
        awaitedJSON: @escaping @Sendable ([OrderView.AwaitedName]) -> [UInt8]
    ) {
        self.tokens = tokens
        self.stores = stores
        self.storeOfEntity = storeOfEntity
        self.live = live
        self.orderJSON = orderJSON
        self.awaitedJSON = awaitedJSON
    }

    /// The pool of a legal entity that `caller` may see; nil: there is none, or it is not for him.
    func pool(of legalEntity: String, for caller: Caller) -> StorePool? {
        guard let index = storeOfEntity[legalEntity] else { return nil }
        return caller.sees(legalEntity) ? stores[index] : nil
    }

    /// The legal entities that `caller` may see, sorted.
    func entities(for caller: Caller) -> [String] { storeOfEntity.keys.filter(caller.sees).sorted() }

    /// The stores that hold something for `caller`, by name.
    func pools(for caller: Caller) -> [StorePool] {
        let indexes = Set(storeOfEntity.filter { caller.sees($0.key) }.values)
        return stores.indices.filter { indexes.contains($0) || caller.scope == .everything }.map { stores[$0] }
            .sorted { $0.name < $1.name }
    }
}
