-- Cancels a booking: the seat is free again, the credit goes back to where it came from, once.
--
-- Lock order: contact, booking, seat counter, as in api.create_booking.
create or replace function api.cancel_booking(
  p_booking_id text default null,
  p_reason text default null
)
  returns api.booking
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '5s'
as $$
declare
  v_now timestamptz := hubspot_sync.clock();
  v_cutoff interval := hubspot_sync.setting('cancellation_cutoff')::interval;
  v_booking hubspot_sync.hubspot_bookings;
  v_zone text := hubspot_sync.setting('time_zone');
  v_starts_at timestamptz;
  v_credit text;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'cancel_booking needs isolation level read committed, not %',
      current_setting('transaction_isolation')
      using errcode = 'MBISO', hint = 'Begin the transaction without an isolation level.';
  end if;
  if coalesce(trim(p_booking_id), '') = '' then
    raise exception 'p_booking_id is missing'
      using errcode = '22023', hint = 'Give the booking_id of the booking to cancel.';
  end if;

  begin
    perform
       from hubspot_sync.hubspot_contact_credits c
      where c.id = (select b.contact from hubspot_sync.hubspot_bookings b
                     where b.booking_id = trim(p_booking_id) and not b.exempt)
        for no key update;
    select b.*
      into v_booking
      from hubspot_sync.hubspot_bookings b
     where b.booking_id = trim(p_booking_id)
     order by b.exempt
     limit 1
       for no key update;
    if v_booking.id is null then
      raise exception 'booking % does not exist', p_booking_id
        using errcode = 'MBNOF', hint = 'Take booking_id from the answer that made it.';
    end if;
    if v_booking.is_active = 'Cancelled' then
      return hubspot_sync.booking_answer(v_booking, true);
    end if;
    if v_booking.is_active is distinct from 'Active' then
      raise exception 'booking % is %, not Active', p_booking_id, v_booking.is_active
        using errcode = 'MBSTA', hint = 'Only an active booking can be cancelled.';
    end if;
    select e.starts_at
      into v_starts_at
      from hubspot_sync.hubspot_mock_exams e
     where e.id = v_booking.exam;
    -- By the clock on the business's wall: «1 day» before is 23 or 25 hours twice a year.
    if v_now > (v_starts_at at time zone v_zone - v_cutoff) at time zone v_zone then
      raise exception 'booking % can no longer be cancelled', p_booking_id
        using errcode = 'MBCUT',
              detail = format('the exam starts at %s, cancelling ends %s before',
                              v_starts_at, v_cutoff),
              hint = 'Ask an administrator.';
    end if;

    v_credit := case v_booking.token_used
      when 'Shared Token' then 'shared_mock_credits'
      else (select t.credit from hubspot_sync.credit_types t
             where t.token_name = v_booking.token_used)
    end;
    if exists (select from hubspot_sync.credit_ledger l
                where l.booking = v_booking.id and l.reason = 'refund') then
      v_credit := null;  -- given back already; somebody made the booking active again
    end if;
    if v_credit is not null and v_booking.contact is not null then
      perform hubspot_sync.change_credit(
        v_booking.contact, v_credit, 1, 'refund', v_booking.id);
    else
      insert into hubspot_sync.sync_conflicts (entity, record, field, decision)
      values ('hubspot_bookings', v_booking.id, 'token_used',
              format('no credit given back for %s: given back before, or unknown'
                     ' (token_used is %s, contact is %s)',
                     v_booking.booking_id, coalesce(v_booking.token_used, 'null'),
                     coalesce(v_booking.contact::text, 'null')));
    end if;

    perform set_config('hubspot_sync.reason', coalesce(p_reason, ''), true);
    update hubspot_sync.hubspot_bookings b
       set is_active = 'Cancelled', updated_at = v_now
     where b.id = v_booking.id
    returning b.* into v_booking;
    perform set_config('hubspot_sync.reason', '', true);
    return hubspot_sync.booking_answer(v_booking, false);
  exception
    when lock_not_available or deadlock_detected then
      raise exception 'booking % is busy', p_booking_id
        using errcode = 'MBBSY', hint = 'Send the same request again.';
  end;
end;
$$;

comment on function api.cancel_booking(text, text) is
  'Cancels an active booking, frees its seat and gives its credit back to the balance it came '
  'from. Cancelling again changes nothing and answers the booking with replayed = true. A '
  'booking whose token_used is unknown is cancelled without a refund; sync_conflicts says so. '
  'Raises 22023 (argument missing), MBNOF (no such booking), MBSTA (completed), MBCUT (too '
  'late), MBBSY (try again), MBISO (isolation level).';
revoke execute on function api.cancel_booking(text, text) from public, anon, authenticated;
grant execute on function api.cancel_booking(text, text) to service_role;
