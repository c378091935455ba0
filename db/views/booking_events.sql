-- What happened to bookings, in a word each: the audit log's rows of bookings, read as events.
create view hubspot_sync.booking_events
  with (security_invoker = true)
as
  select a.id,
         a.record as booking,
         coalesce(b.booking_id, (
           select d.old_values ->> 'booking_id'
             from hubspot_sync.supabase_audit_log d
            where d.record = a.record and d.operation = 'delete'
            limit 1)) as booking_id,
         a.event_type,
         a.actor as admin_email,
         jsonb_strip_nulls(jsonb_build_object(
           'changed_fields', a.changed_fields, 'reason', a.reason)) as metadata,
         a.created_at
    from hubspot_sync.supabase_audit_log a
    left join hubspot_sync.hubspot_bookings b on b.id = a.record
   where a.event_type is not null;

comment on view hubspot_sync.booking_events is
  'Events of bookings: created, cancelled, completed, modified, moved, attended, no_show, '
  'deleted; who (admin_email), and metadata: the fields that changed and the reason given.';
revoke all on hubspot_sync.booking_events from public, anon, authenticated;
