/// `orders`: what the business rules cost beside the plain path.
struct OrdersPart {
    let stage: Stage

    func measure(_ figures: inout Figures) throws {
        try MappingCost(options: stage.options).measure(&figures)
        try OrderCommandPart(stage: stage).measure(&figures)
    }
}
