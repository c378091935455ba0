// Made by `python db/typescript.py` from the database. Do not edit.
//
//   createClient<Database, 'api'>(url, key, { db: { schema: 'api' } })

export type Database = {
  api: {
    Tables: { [name in never]: never }
    Views: { [name in never]: never }
    Functions: {
      /**
       * Activates up to p_limit (1 to 10,000) exams whose scheduled_activation_at has come.
       * Overlapping runs are harmless. Raises 22023 (limit out of bounds), MBBSY (try again),
       * MBISO (isolation level), 42501 (not allowed).
       */
      activate_due_exams: {
        Args: {
          /** 100 unless given. */
          p_limit?: number
        }
        Returns: Database['api']['CompositeTypes']['task_result']
      }
      /**
       * Opens an exam for booking, now, or with p_activate_at (in the future, before the exam
       * starts) then: api.activate_due_exams does it. Activating now forgets a time set before.
       * Raises 22023 (argument missing, or a time in the past), MBEXM (no such exam), MBPST
       * (the exam has started by then), MBSTA (a time for an exam that is active), MBBSY (try
       * again), MBISO (isolation level), 42501 (not allowed).
       */
      activate_exam: {
        Args: {
          p_mock_exam_id?: string | null
          p_activate_at?: string | null
        }
        Returns: Database['api']['CompositeTypes']['exam']
      }
      /**
       * Corrects a balance of a contact (p_id, else p_student_id and p_email) by p_delta,
       * -10,000 to 10,000 but 0. p_credit: the balance's name, as in api.contact_credits.
       * p_reason: required; it stands in the ledger with the person. p_idempotency_key:
       * optional; the same key with the same request answers the first result with replayed =
       * true. Raises 22023 (argument missing or out of bounds), MBCON (no such contact), MBCRD
       * (below 0), MBKEY (key of another request), MBBSY (try again), MBISO (isolation level),
       * 42501 (not allowed).
       */
      adjust_credits: {
        Args: {
          p_student_id?: string | null
          p_email?: string | null
          p_credit?: string | null
          p_delta?: number | null
          p_reason?: string | null
          p_idempotency_key?: string | null
          p_id?: string | null
        }
        Returns: Database['api']['CompositeTypes']['contact_credits']
      }
      /**
       * Cancels an active booking, frees its seat and gives its credit back to the balance it
       * came from. p_reason: for the audit log. Cancelling again changes nothing and answers
       * the booking with replayed = true. A booking whose token_used is unknown is cancelled
       * without a refund; sync_conflicts says so. A student cancels their own, until the exam
       * starts or the cut-off before. Raises 22023 (argument missing or too long), MBNOF (no
       * such booking), MBSTA (completed), MBCUT (too late), MBBSY (try again), MBISO (isolation
       * level), 42501 (not allowed).
       */
      cancel_booking: {
        Args: {
          p_booking_id?: string | null
          p_reason?: string | null
        }
        Returns: Database['api']['CompositeTypes']['booking']
      }
      /**
       * Cancels up to 1,000 bookings in one transaction and answers one result for each id, in
       * the order given: done, or the code and message of what api.cancel_booking would have
       * refused it with (MBNOF, MBSTA, MBCUT). p_reason: for the audit log. Raises, for all of
       * them, 22023 (no ids, too many, or a reason too long), MBBSY (try again), MBISO
       * (isolation level), 42501 (not allowed).
       */
      cancel_bookings: {
        Args: {
          p_booking_ids?: string[] | null
          p_reason?: string | null
        }
        Returns: Database['api']['CompositeTypes']['booking_result'][]
      }
      /**
       * What a contact (p_id, else p_student_id and p_email; a student may leave both out) has
       * to pay for a mock type: specific, shared (0 where shared credits do not pay), available
       * (their sum), can_book, and token_name: what a booking would spend now. Raises 22023
       * (argument missing, or no such mock type), MBCON (no such contact), 42501 (not allowed).
       */
      check_credits: {
        Args: {
          p_mock_type?: string | null
          p_student_id?: string | null
          p_email?: string | null
          p_id?: string | null
        }
        Returns: Database['api']['CompositeTypes']['credit_check']
      }
      /**
       * The booking made under a key, found = true; for a key that is null or unknown null,
       * which over HTTP arrives as an object of nulls. Raises 42501 (not allowed).
       */
      check_idempotency_key: {
        Args: {
          p_idempotency_key?: string | null
        }
        Returns: Database['api']['CompositeTypes']['idempotency_check']
      }
      /**
       * Turns up to p_limit (1 to 10,000) active bookings whose exam's day is over in the
       * business's time zone into completed ones; their seats stay taken. Overlapping runs are
       * harmless. Raises 22023 (limit out of bounds), MBBSY (try again), MBISO (isolation
       * level), 42501 (not allowed).
       */
      complete_past_bookings: {
        Args: {
          /** 1000 unless given. */
          p_limit?: number
        }
        Returns: Database['api']['CompositeTypes']['task_result']
      }
      /**
       * Books one seat of an exam for a student and spends one credit, the exam type's own
       * before a shared one. p_mock_exam_id: the exam's HubSpot id. p_email: compared without
       * regard to case; a student may leave it out. p_idempotency_key: optional; the same key
       * with the same request answers the first booking with replayed = true. Raises 22023
       * (argument missing or over 500 characters), MBEXM (no such exam), MBINA (not open),
       * MBPST (started), MBFUL (full), MBTYP (type without credit), MBCON (no such contact),
       * MBDUP (already booked), MBCRD (no credit), MBKEY (key of another request), MBBSY (try
       * again), MBISO (isolation level), 42501 (not allowed). A refusal changes nothing and
       * does not use up the key.
       */
      create_booking: {
        Args: {
          p_mock_exam_id?: string | null
          p_student_id?: string | null
          p_email?: string | null
          p_idempotency_key?: string | null
          p_student_name?: string | null
          p_attending_location?: string | null
          p_dominant_hand?: string | null
        }
        Returns: Database['api']['CompositeTypes']['booking']
      }
      /**
       * Hides an exam and refuses new bookings; those it has stay, and a scheduled activation
       * is forgotten. Raises 22023 (argument missing), MBEXM (no such exam), MBBSY (try again),
       * MBISO (isolation level), 42501 (not allowed).
       */
      deactivate_exam: {
        Args: {
          p_mock_exam_id?: string | null
        }
        Returns: Database['api']['CompositeTypes']['exam']
      }
      /**
       * Deletes an exam softly, cancels its active bookings with their refunds in the same
       * transaction and answers one result for each. p_reason: for the audit log. Bookings that
       * are completed stay. A deleted exam is found by api.get_exam and
       * api.list_exams('deleted'), and api.upsert_exam brings it back, inactive. Raises 22023
       * (argument missing or too long), MBEXM (no such exam), MBBSY (try again), MBISO
       * (isolation level), 42501 (not allowed).
       */
      delete_exam: {
        Args: {
          p_mock_exam_id?: string | null
          p_reason?: string | null
        }
        Returns: Database['api']['CompositeTypes']['booking_result'][]
      }
      /**
       * Every table, view, materialized view, foreign table and function, in every schema but
       * the system's own and those of the setting platform_schemas, that clients could reach
       * past row level security: a table whose row level security is off, a view with its
       * owner's rights or without row level security that clients may read, a function that
       * anon or everybody may run, or one with its owner's rights whose search_path its caller
       * chooses. No rows: nothing is. What extensions bring is left out. Raises 42501 (not
       * allowed).
       */
      find_unprotected: {
        Args: never
        Returns: Database['api']['CompositeTypes']['unprotected_object'][]
      }
      /**
       * booking_analytics of the last p_weeks weeks (at most 520), this one and all ahead, with
       * refreshed_at. Raises 42501 (not allowed).
       */
      get_analytics: {
        Args: {
          /** 26 unless given. */
          p_weeks?: number
        }
        Returns: Database['api']['CompositeTypes']['analytics_week'][]
      }
      /**
       * One booking, by p_id, else p_hubspot_id, else p_booking_id; replayed is null. A student
       * sees their own. Raises 22023 when none is given, MBNOF when no booking matches, 42501
       * (not allowed).
       */
      get_booking: {
        Args: {
          p_id?: string | null
          p_hubspot_id?: string | null
          p_booking_id?: string | null
        }
        Returns: Database['api']['CompositeTypes']['booking']
      }
      /**
       * A contact and its balances, by p_id, else p_hubspot_id, else p_student_id and p_email
       * (case ignored); replayed is null. A student sees their own and may leave everything
       * out. Raises 22023 when none of these is given whole, MBCON when no contact matches,
       * 42501 (not allowed).
       */
      get_contact_credits: {
        Args: {
          p_student_id?: string | null
          p_email?: string | null
          p_id?: string | null
          p_hubspot_id?: string | null
        }
        Returns: Database['api']['CompositeTypes']['contact_credits']
      }
      /**
       * One exam, active or not, deleted or not, by p_mock_exam_id (its HubSpot id), else p_id.
       * Raises 22023 when neither is given, MBEXM when no exam matches, 42501 (not allowed).
       */
      get_exam: {
        Args: {
          p_mock_exam_id?: string | null
          p_id?: string | null
        }
        Returns: Database['api']['CompositeTypes']['exam']
      }
      /**
       * Gives a contact (p_id, else p_student_id and p_email) p_amount credits, 1 to 10,000.
       * p_credit: the balance's name, as in api.contact_credits. p_reason: required; it stands
       * in the ledger with the person. p_idempotency_key: optional; the same key with the same
       * request answers the first result with replayed = true. Raises 22023 (argument missing
       * or out of bounds), MBCON (no such contact), MBCRD (below 0), MBKEY (key of another
       * request), MBBSY (try again), MBISO (isolation level), 42501 (not allowed).
       */
      grant_credits: {
        Args: {
          p_student_id?: string | null
          p_email?: string | null
          p_credit?: string | null
          p_amount?: number | null
          p_reason?: string | null
          p_idempotency_key?: string | null
          p_id?: string | null
        }
        Returns: Database['api']['CompositeTypes']['contact_credits']
      }
      /**
       * Active exams that have not started, soonest first, with seats left as of now;
       * p_mock_type narrows to one type. Raises 22023 for an unknown type, 42501 (not allowed).
       */
      list_available_exams: {
        Args: {
          p_mock_type?: string | null
        }
        Returns: Database['api']['CompositeTypes']['exam'][]
      }
      /**
       * A page of bookings, newest first: those that match every filter given.
       * p_exam_date_from, p_exam_date_to: days, both included. p_status: Active, Cancelled or
       * Completed. p_page: from 1, within the first 10,000; p_page_size: 1 to 200. Raises 22023
       * (no such type or status, page or size out of bounds), 42501 (not allowed).
       */
      list_bookings: {
        Args: {
          p_exam_date_from?: string | null
          p_exam_date_to?: string | null
          p_mock_type?: string | null
          p_status?: string | null
          p_mock_exam_id?: string | null
          p_student_id?: string | null
          p_email?: string | null
          /** 1 unless given. */
          p_page?: number
          /** 50 unless given. */
          p_page_size?: number
        }
        Returns: Database['api']['CompositeTypes']['booking_page']
      }
      /**
       * A page of a contact's bookings, newest first. The contact: p_id, else p_hubspot_id,
       * else p_student_id and p_email; a student sees their own and may leave all of it out.
       * p_status: Active, Cancelled or Completed. p_page: from 1, within the first 10,000;
       * p_page_size: 1 to 200. Raises 22023 (no contact named, no such status, page or size out
       * of bounds), MBCON (no such contact), 42501 (not allowed).
       */
      list_contact_bookings: {
        Args: {
          p_student_id?: string | null
          p_email?: string | null
          p_id?: string | null
          p_hubspot_id?: string | null
          p_status?: string | null
          /** 1 unless given. */
          p_page?: number
          /** 50 unless given. */
          p_page_size?: number
        }
        Returns: Database['api']['CompositeTypes']['booking_page']
      }
      /**
       * Exams by p_state (active, inactive, deleted, or all but the deleted ones, which is the
       * default), from p_from to p_to (both days included) and of p_mock_type, latest first.
       * Raises 22023 (no such state or type), 42501 (not allowed).
       */
      list_exams: {
        Args: {
          p_state?: string | null
          p_from?: string | null
          p_to?: string | null
          p_mock_type?: string | null
        }
        Returns: Database['api']['CompositeTypes']['exam'][]
      }
      /**
       * Notes whether the student of a booking came. p_attendance: Yes, No or Unknown (takes it
       * back), whatever the case; what is so already is answered with replayed = true. Raises
       * 22023 (argument missing or another word), MBNOF (no such booking), MBSTA (cancelled),
       * MBERL (before the exam's day in the business's time zone), MBBSY (try again), MBISO
       * (isolation level), 42501 (not allowed).
       */
      mark_attendance: {
        Args: {
          p_booking_id?: string | null
          p_attendance?: string | null
        }
        Returns: Database['api']['CompositeTypes']['booking']
      }
      /**
       * Moves an active booking to another exam that takes the same credit: the exam's own
       * type, or a type shared credits pay for when the booking was paid with one.
       * p_mock_exam_id: the exam's HubSpot id. p_reason: for the audit log. A booking that is
       * there already is answered with replayed = true. A student moves their own, as long as
       * they may cancel it. Raises 22023 (argument missing or too long), MBNOF (no such
       * booking), MBSTA (not active), MBCUT (too late), MBEXM (no such exam), MBINA (not open),
       * MBPST (started), MBFUL (full), MBTYP (another credit), MBDUP (booked there or that
       * day), MBBSY (try again), MBISO (isolation level), 42501 (not allowed). A refusal
       * changes nothing.
       */
      move_booking: {
        Args: {
          p_booking_id?: string | null
          p_mock_exam_id?: string | null
          p_reason?: string | null
        }
        Returns: Database['api']['CompositeTypes']['booking']
      }
      /**
       * Asks for a record to be read from HubSpot at once, and for what waits to be sent of it
       * to go first. p_kind: exam (with its bookings), booking, contact, or all, which takes no
       * id. p_id: our id, HubSpot's, a booking_id or a student_id. p_older_than: seconds; what
       * was read within them, or within five, is fresh and left alone. Asking again tells
       * whether it is done: then it is fresh. A number nobody knows is taken for the HubSpot id
       * of a new record. Raises 22023 (kind or id missing, or out of bounds), MBEXM, MBNOF,
       * MBCON (no such exam, booking, contact), MBBSY (try again), MBISO (isolation level),
       * 42501 (not allowed).
       */
      request_sync: {
        Args: {
          p_kind?: string | null
          p_id?: string | null
          /** 0 unless given. */
          p_older_than?: number
        }
        Returns: Database['api']['CompositeTypes']['sync_request']
      }
      /**
       * Sets an exam's capacity in seats, queues it for HubSpot and answers the exam. Raises
       * 22023 (argument missing), MBCAP (negative), MBEXM (no such exam), MBBSY (try again),
       * MBISO (isolation level), 42501 (not allowed).
       */
      set_exam_capacity: {
        Args: {
          p_mock_exam_id?: string | null
          p_capacity?: number | null
        }
        Returns: Database['api']['CompositeTypes']['exam']
      }
      /**
       * Makes a contact, or brings its names, and where p_hubspot_id finds it its student id
       * and email, up to date; what is left out stays. The balances (0 to 10,000) are those of
       * a contact that is not here yet; of a known one (replayed = true) they are left alone:
       * see api.grant_credits. A changed email or name reaches the contact's bookings in the
       * same transaction. Raises 22023 (argument missing or out of bounds), MBIDC (the ids
       * belong to two contacts), MBBSY (try again), MBISO (isolation level), 42501 (not
       * allowed).
       */
      upsert_contact: {
        Args: {
          p_student_id?: string | null
          p_email?: string | null
          p_firstname?: string | null
          p_lastname?: string | null
          p_hubspot_id?: string | null
          p_sj_credits?: number | null
          p_cs_credits?: number | null
          p_sjmini_credits?: number | null
          p_mock_discussion_token?: number | null
          p_shared_mock_credits?: number | null
        }
        Returns: Database['api']['CompositeTypes']['contact_credits']
      }
      /**
       * Makes an exam (inactive, without seats, unless said) or changes what is given of it;
       * what is left out stays. p_mock_exam_id: its HubSpot id. p_is_active: opens or closes it
       * and forgets a scheduled activation. A new date reaches the exam's bookings in the same
       * transaction; one that thereby is a student's second of that type and day is kept,
       * marked exempt and noted in sync_conflicts. A deleted exam is brought back, inactive
       * unless said. Raises 22023 (argument missing, too long, unreadable, or no such type),
       * MBCAP (negative capacity), MBPST (it would have started), MBTYP (another type while
       * seats are taken), MBBSY (try again), MBISO (isolation level), 42501 (not allowed).
       */
      upsert_exam: {
        Args: {
          p_mock_exam_id?: string | null
          p_mock_exam_name?: string | null
          p_mock_type?: string | null
          p_mock_set?: string | null
          p_exam_date?: string | null
          p_start_time?: string | null
          p_end_time?: string | null
          p_location?: string | null
          p_capacity?: number | null
          p_is_active?: boolean | null
        }
        Returns: Database['api']['CompositeTypes']['exam']
      }
      /**
       * One row per invariant with its number of violations (0: it holds) and up to five
       * offenders. Reads one snapshot and changes nothing. Overbooked exams are no violation:
       * writers other than the booking functions may overbook. Raises 42501 (not allowed).
       */
      verify: {
        Args: never
        Returns: Database['api']['CompositeTypes']['check_result'][]
      }
    }
    Enums: { [name in never]: never }
    CompositeTypes: {
      /**
       * Bookings and cancellations of a week's exams of one type; avg_capacity in seats and
       * avg_utilization (1 is full) per exam; refreshed_at: when this was computed.
       */
      analytics_week: {
        week: string | null
        mock_type: string | null
        total_bookings: number | null
        cancellations: number | null
        avg_capacity: number | null
        avg_utilization: number | null
        refreshed_at: string | null
      }
      /**
       * A booking. is_active: Active, Cancelled or Completed. hubspot_id: null until HubSpot
       * has it. replayed: this answer was given before, nothing was done now.
       */
      booking: {
        id: string | null
        booking_id: string | null
        hubspot_id: string | null
        is_active: string | null
        mock_exam_id: string | null
        mock_type: string | null
        exam_date: string | null
        student_id: string | null
        student_name: string | null
        student_email: string | null
        token_used: string | null
        attendance: string | null
        attending_location: string | null
        dominant_hand: string | null
        created_at: string | null
        replayed: boolean | null
      }
      /**
       * A page of bookings, newest first. total: all that match, counted up to 10,000;
       * total_is_capped: there are more than that. has_more: the next page is not empty.
       */
      booking_page: {
        bookings: Database['api']['CompositeTypes']['booking'][] | null
        total: number | null
        total_is_capped: boolean | null
        page: number | null
        page_size: number | null
        has_more: boolean | null
      }
      /**
       * One of several bookings. done: whether it is as asked for now. code, message: why not,
       * as in docs/errors.md, else null. booking: as it is now, replayed when it was so before;
       * null when it does not exist.
       */
      booking_result: {
        booking_id: string | null
        done: boolean | null
        code: string | null
        message: string | null
        booking: Database['api']['CompositeTypes']['booking'] | null
      }
      /** An invariant. violations: 0 when it holds. sample: up to five offenders' ids. */
      check_result: {
        name: string | null
        violations: number | null
        sample: string | null
        meaning: string | null
      }
      /**
       * A contact and its balances, each in whole bookings. replayed: this answer was given
       * before, or the contact was here already; nothing was added now. Null where nothing was
       * asked for.
       */
      contact_credits: {
        id: string | null
        hubspot_id: string | null
        student_id: string | null
        email: string | null
        firstname: string | null
        lastname: string | null
        sj_credits: number | null
        cs_credits: number | null
        sjmini_credits: number | null
        mock_discussion_token: number | null
        shared_mock_credits: number | null
        replayed: boolean | null
      }
      /**
       * specific: credits of the type itself. shared: shared ones, 0 where they do not pay for
       * it. available: both. token_name: what a booking would spend now, null when nothing is
       * there.
       */
      credit_check: {
        contact_id: string | null
        student_id: string | null
        mock_type: string | null
        specific: number | null
        shared: number | null
        available: number | null
        can_book: boolean | null
        token_name: string | null
      }
      /**
       * An exam. mock_exam_id: its HubSpot id. seats_taken: as of the answer, more than
       * capacity when overbooked. seats_left: at least 0. status: available, limited (3 seats
       * or fewer) or full, by the seats alone. is_active: may be booked until it starts.
       * scheduled_activation_at: when it will become active. deleted_at: null unless deleted.
       */
      exam: {
        id: string | null
        mock_exam_id: string | null
        mock_exam_name: string | null
        mock_type: string | null
        mock_set: string | null
        exam_date: string | null
        start_time: string | null
        end_time: string | null
        starts_at: string | null
        location: string | null
        capacity: number | null
        seats_taken: number | null
        seats_left: number | null
        status: string | null
        is_active: boolean | null
        scheduled_activation_at: string | null
        deleted_at: string | null
      }
      /** The booking made under an idempotency key. */
      idempotency_check: {
        found: boolean | null
        booking_id: string | null
        id: string | null
        hubspot_id: string | null
        is_active: string | null
        student_id: string | null
        mock_exam_id: string | null
        created_at: string | null
      }
      /**
       * state: queued (HubSpot is asked at once), fresh (it was read lately), or sending
       * (HubSpot does not have it yet, and gets it first). hubspot_id: of the record, if it has
       * one. records: how many are read again. read_at: when all of it had last been read; null
       * if some never was.
       */
      sync_request: {
        state: string | null
        hubspot_id: string | null
        records: number | null
        read_at: string | null
      }
      /** changed: records changed now. more: the limit was reached, call again. */
      task_result: {
        changed: number | null
        more: boolean | null
      }
      /**
       * kind: table, view, materialized view, foreign table or function. problem: what is open,
       * and to whom.
       */
      unprotected_object: {
        schema_name: string | null
        object_name: string | null
        kind: string | null
        problem: string | null
      }
    }
  }
}
