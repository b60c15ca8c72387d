/// What an event tells besides its word, while it is being read.
struct FactsDraft {
    var references: [Reference] = []
    var allocation: [LineQuantity] = []
    var shipment: Facts.Shipment?
    var invoice: Facts.Invoice?
    var payment: Facts.Payment?
    var hold: Facts.Hold?
    var cancellation: Facts.Cancellation?
    var moreShipments: [Facts.Shipment] = []
    var moreInvoices: [Facts.Invoice] = []
    var morePayments: [Facts.Payment] = []

    mutating func add(_ told: Facts.Shipment) {
        if shipment == nil { shipment = told } else { moreShipments.append(told) }
    }

    mutating func add(_ told: Facts.Invoice) {
        if invoice == nil { invoice = told } else { moreInvoices.append(told) }
    }

    mutating func add(_ told: Facts.Payment) {
        if payment == nil { payment = told } else { morePayments.append(told) }
    }

    /// The facts, or nil when there are none.
    func finished() -> Facts? {
        if references.isEmpty, allocation.isEmpty, shipment == nil, invoice == nil, payment == nil, hold == nil,
            cancellation == nil
        {
            return nil
        }
        return Facts(
            references: references, allocation: allocation, shipment: shipment, invoice: invoice, payment: payment,
            hold: hold, cancellation: cancellation, moreShipments: moreShipments, moreInvoices: moreInvoices,
            morePayments: morePayments)
    }
}
