-- Audits every change of hubspot_bookings; the function, shared by all tables, is write_audit.
create or replace trigger hubspot_bookings_audit
  after insert or update or delete on hubspot_sync.hubspot_bookings
  for each row
  execute function hubspot_sync.write_audit();
