/// What a sales order is created from: references only, as the events and the configuration give them.
public struct OrderDraft: Equatable, Sendable {
    /// One line.
    public struct Line: Equatable, Sendable {
        /// Article: `default_code` of a product in Odoo.
        public var sku: String
        /// Ordered quantity as decimal text.
        public var quantity: String
        /// Price of one as decimal text; nil: Odoo's price list decides.
        public var unitPrice: String?
        /// Name of a sales tax in Odoo; nil: Odoo's own rules decide.
        public var tax: String?

        /// A line; see the properties.
        public init(sku: String, quantity: String, unitPrice: String?, tax: String? = nil) {
            self.sku = sku
            self.quantity = quantity
            self.unitPrice = unitPrice
            self.tax = tax
        }
    }

    /// Name of the legal entity; part of the order's external identity.
    public var legalEntity: String
    /// Canonical reference; becomes `client_order_ref`.
    public var orderRef: String
    /// Code of the warehouse in Odoo; nil: the company's default.
    public var warehouse: String?
    /// The customer's stable identity: `ref` of a partner in Odoo.
    ///
    /// Personal data.
    public var customerRef: String
    /// Name for a partner that has to be created.
    ///
    /// Personal data.
    public var customerName: String
    /// Where it comes from and what else it is called, for people; becomes `origin`.
    public var origin: String
    /// At least one.
    ///
    /// Either all lines have a price or none.
    public var lines: [Line]

    /// A draft; see the properties.
    public init(
        legalEntity: String, orderRef: String, warehouse: String?, customerRef: String, customerName: String,
        origin: String = "", lines: [Line]
    ) {
        self.legalEntity = legalEntity
        self.orderRef = orderRef
        self.warehouse = warehouse
        self.customerRef = customerRef
        self.customerName = customerName
        self.origin = origin
        self.lines = lines
    }

    /// The order's external identity.
    public var externalID: String { ExternalID.order(legalEntity: legalEntity, orderRef: orderRef) }
}

/// What Odoo says of a sales order.
public struct SalesOrder: Equatable, Sendable {
    /// The states of `sale.order`.
    public enum State: String, Sendable {
        case draft, sent, sale, cancel
    }

    /// Database id.
    public var id: Int
    /// Odoo's own number, like `S00042`.
    public var name: String
    /// State; a value that is not known here reads as `sale`, because nothing may be undone then.
    public var state: State
    /// Whether the order is locked.
    public var locked: Bool
    /// Whether goods left: wholly or in part.
    public var shipped: Bool
    /// Whether an invoice exists, drafts included.
    public var invoiced: Bool { !invoices.isEmpty }
    /// Whether something was delivered that no invoice has, not even a draft.
    public var isToInvoice: Bool
    /// Ids of its deliveries, returns included.
    public var pickings: [Int]
    /// Ids of its invoices, drafts included.
    public var invoices: [Int]

    static let fields: OdooValue = [
        "name", "state", "locked", "delivery_status", "invoice_status", "picking_ids", "invoice_ids",
    ]

    init?(_ row: OdooValue) {
        guard let id = row["id"]?.asInteger else { return nil }
        self.id = id
        self.name = row["name"]?.asText ?? ""
        self.state = row["state"]?.asText.flatMap(State.init(rawValue:)) ?? .sale
        self.locked = row["locked"]?.asBool ?? false
        self.shipped = ["partial", "full"].contains(row["delivery_status"]?.asText)
        self.isToInvoice = row["invoice_status"]?.asText == "to invoice"
        self.pickings = (row["picking_ids"]?.asList ?? []).compactMap(\.asInteger)
        self.invoices = (row["invoice_ids"]?.asList ?? []).compactMap(\.asInteger)
    }
}
