use incidents::false_alarms;

#[test]
fn a_day_without_a_fault_raises_no_alarm() {
    assert_eq!(false_alarms(1, 0.5), Vec::<String>::new());
}
