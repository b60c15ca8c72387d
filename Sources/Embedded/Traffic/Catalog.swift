/// What is sold, and to whom, in generated traffic: the Odoo stand-in is stocked with the same.
public enum Catalog {
    /// An article.
    public struct Product: Equatable, Sendable {
        /// Its number in every system.
        public var sku: String
        /// Its name in Odoo.
        public var name: String
        /// Its price in hundredths of the order's currency.
        public var priceCents: Int
    }

    /// Somebody who buys.
    ///
    /// Invented.
    public struct Customer: Equatable, Sendable {
        /// The customer's number in every system.
        public var ref: String
        /// The customer's name.
        public var name: String
    }

    /// All articles.
    public static let products: [Product] = makeProducts()
    /// All customers.
    public static let customers: [Customer] = makeCustomers()
    /// Numbers of all articles.
    public static var skus: [String] { products.map(\.sku) }

    private static func makeProducts() -> [Product] {
        let things = ["Shelf", "Lamp", "Chair", "Kettle", "Drill", "Backpack", "Rug", "Blender"]
        let variants = ["oak", "slate", "sand", "steel", "petrol"]
        return (0..<40).map { index in
            let name = "\(things[index % things.count]) \(variants[index / things.count])"
            return Product(
                sku: "SKU-\(padded(index + 1, 4))", name: name, priceCents: 495 + 350 * index + 7 * (index % 13))
        }
    }

    /// Names with accents, quotes and other scripts, because real ones have them.
    private static func makeCustomers() -> [Customer] {
        let given = [
            "Ada", "Zo\u{EB}", "J\u{FC}rgen", "Mai", "Ren\u{E9}e", "Tom \"T\"", "\u{141}ucja", "\u{5C0F}\u{6625}",
        ]
        let family = ["Fischer", "O'Neil", "de Vries", "Lef\u{E8}vre", "\u{D8}stergaard", "Patel", "B\\Sons", "Nowak"]
        return (0..<60).map { index in
            let name = "\(given[index % given.count]) \(family[(index / 3) % family.count])"
            return Customer(ref: "CUST-\(padded(index + 1, 4))", name: name)
        }
    }

    /// `number` in decimal with at least `width` digits.
    static func padded(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
