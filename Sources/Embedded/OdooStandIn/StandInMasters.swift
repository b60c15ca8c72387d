/// Master data as the models' rows: what a call of these companies sees of it.
struct StandInMasters {
    let books: StandInBooks
    let companies: [Int]

    /// The rows of `model`; nil when it is no model of master data.
    func rows(_ model: String) -> [StandInValue]? {
        switch model {
        case "res.company":
            return companies.sorted().map {
                .object([
                    "id": .integer($0), "name": .text(books.companies[$0 - 1]), "currency_id": .list([125, "EUR"]),
                    "stock_move_email_validation": .bool(books.mailsOnShipping),
                ])
            }
        case "stock.warehouse":
            return visible(books.warehouses, model).map {
                .object([
                    "id": .integer($0.id), "code": .text($0.code), "name": .text($0.name),
                    "company_id": books.companyPair($0.company), "lot_stock_id": .list([5, .text($0.code + "/Stock")]),
                    "out_type_id": .list([2, .text($0.name + ": Delivery Orders")]), "delivery_steps": "ship_only",
                ])
            }
        case "product.product":
            return visible(books.products, model).map {
                .object([
                    "id": .integer($0.id), "default_code": .text($0.code), "name": .text($0.name),
                    "company_id": books.companyPair($0.company), "active": .bool(true), "uom_id": .list([1, "Units"]),
                    "lst_price": .number(1), "type": "consu", "is_storable": .bool(true),
                ])
            }
        case "account.tax":
            return visible(books.taxes, model).map {
                .object([
                    "id": .integer($0.id), "name": .text($0.name), "amount": .number($0.amount),
                    "type_tax_use": "sale", "company_id": books.companyPair($0.company),
                ])
            }
        case "delivery.carrier":
            return visible(books.carriers, model).map {
                .object([
                    "id": .integer($0.id), "name": .text($0.name), "delivery_type": "fixed",
                    "company_id": books.companyPair($0.company),
                ])
            }
        case "res.partner": return partners()
        default: return nil
        }
    }

    private func visible(_ masters: [StandInMaster], _ model: String) -> [StandInMaster] {
        let hidden = books.hidden[model] ?? []
        return masters.filter { ($0.company.map(companies.contains) ?? true) && !hidden.contains($0.code) }
    }

    private func partners() -> [StandInValue] {
        let hidden = books.hidden["res.partner"] ?? []
        return books.partners.values
            .filter { ($0.company.map(companies.contains) ?? true) && !hidden.contains($0.ref) }
            .sorted { $0.id < $1.id }
            .map {
                .object([
                    "id": .integer($0.id), "name": .text($0.name), "ref": $0.ref.isEmpty ? .bool(false) : .text($0.ref),
                    "company_id": books.companyPair($0.company),
                ])
            }
    }
}
